"""Energy from INA3221 sensors, in file systems like a Jetson's."""

import time

import pytest

from bitprior_runtime.board.energy import EnergyMeter, find_rails
from builders.fake_board import put

HWMON = "sys/bus/i2c/drivers/ina3221/1-0040/hwmon/hwmon3"
IIO = "sys/bus/i2c/drivers/ina3221x/6-0040/iio:device0"


def orin(root):
    """A Jetson Orin Nano's: millivolts and milliamperes; the third rail has no current."""
    return put(
        root,
        {
            f"{HWMON}/in1_label": "VDD_IN\n",
            f"{HWMON}/in1_input": "5000\n",
            f"{HWMON}/curr1_input": "1200\n",
            f"{HWMON}/in2_label": "VDD_CPU_GPU_CV\n",
            f"{HWMON}/in2_input": "5000\n",
            f"{HWMON}/curr2_input": "400\n",
            f"{HWMON}/in3_label": "sum of shunt voltages\n",
        },
    )


def test_an_orin_shows_volts_and_amperes_of_each_rail(tmp_path):
    rails = find_rails(orin(tmp_path))
    watts = {rail.name: rail.watts() for rail in rails}
    assert watts == pytest.approx({"VDD_IN": 6.0, "VDD_CPU_GPU_CV": 2.0})


def test_an_older_jetson_shows_milliwatts(tmp_path):
    put(tmp_path, {f"{IIO}/rail_name_0": "POM_5V_IN\n", f"{IIO}/in_power0_input": "2345\n"})
    put(tmp_path, {f"{IIO}/rail_name_1": "POM_5V_GPU\n"})
    (rail,) = find_rails(tmp_path)
    assert (rail.name, rail.watts()) == ("POM_5V_IN", pytest.approx(2.345))


def test_the_energy_of_a_run_is_mean_power_times_time(tmp_path):
    with EnergyMeter(find_rails(orin(tmp_path))) as meter:
        time.sleep(0.15)
    figures = meter.per_run(3)
    joules = figures["rails"]["VDD_IN"]["joules_per_run"]
    assert 6.0 * 0.15 / 3 <= joules < 6.0 * 2 / 3
    assert figures["rails"]["VDD_IN"]["watts"] == pytest.approx(6.0)
    assert figures["samples"] >= 2
    assert figures["source"] == f"INA3221, {tmp_path / HWMON}"


def test_without_a_meter_there_is_no_figure(tmp_path):
    assert find_rails(tmp_path) == []
    with EnergyMeter([]) as meter:
        pass
    assert meter.per_run(1) is None
