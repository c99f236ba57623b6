"""File systems like those of boards: /proc and /sys as far as a probe reads them."""

PI4 = "fp asimd evtstrm crc32 cpuid"
PI5 = "fp asimd evtstrm aes pmull sha1 sha2 crc32 atomics fphp asimdhp cpuid asimdrdm asimddp"
CARMEL = "fp asimd evtstrm aes crc32 atomics fphp asimdhp"
BOARDS = {
    "raspberry-pi-zero-2-w": ("Raspberry Pi Zero 2 W Rev 1.0", 4, "0xd03", PI4, 512),
    "raspberry-pi-3": ("Raspberry Pi 3 Model B Plus Rev 1.3", 4, "0xd03", PI4, 1024),
    "raspberry-pi-4": ("Raspberry Pi 4 Model B Rev 1.5", 4, "0xd08", PI4, 4096),
    "raspberry-pi-5": ("Raspberry Pi 5 Model B Rev 1.0", 4, "0xd0b", PI5, 8192),
    "jetson-nano": ("NVIDIA Jetson Nano Developer Kit", 4, "0xd07", PI4, 4096),
    "jetson-xavier-nx": (
        "NVIDIA Jetson Xavier NX Developer Kit",
        6,
        "0x004",
        PI4 + " atomics",
        8192,
    ),
    "jetson-orin-nano": ("NVIDIA Jetson Orin Nano Developer Kit", 6, "0xd42", PI5, 8192),
    "jetson-agx-orin": ("NVIDIA Jetson AGX Orin Developer Kit", 12, "0xd42", PI5, 65536),
}


def put(root, files):
    """Write files under a root; return it."""
    for name, text in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return root


def lay_out(root, name):
    """Write what a board shows of itself under a root; return it."""
    model, cores, part, features, memory = BOARDS[name]
    core = "processor\t: {}\nFeatures\t: {}\nCPU implementer\t: 0x41\nCPU part\t: {}\n\n"
    files = {
        "proc/device-tree/model": model + "\0",
        "proc/cpuinfo": "".join(core.format(index, features, part) for index in range(cores)),
        "proc/meminfo": f"MemTotal:  {memory * 1024} kB\nMemAvailable:  {memory * 512} kB\n",
        "etc/os-release": 'ID=debian\nPRETTY_NAME="Debian GNU/Linux 12 (bookworm)"\n',
        "sys/class/video4linux/video0/name": "unicam\n",
        "sys/class/video4linux/video10/name": "bcm2835-codec-decode\n",
        "sys/class/thermal/thermal_zone0/temp": "48312\n",
    }
    return put(root, files)
