"use strict";

// Above so many values a measurement is shown as an image, not as bars.
const MOST_BARS = 400;

let state = { bundles: [], selected: 0 };

async function drawPreview(canvas, jpeg) {
  const image = await createImageBitmap(new Blob([bytes(jpeg)], { type: "image/jpeg" }));
  if (canvas.width !== image.width || canvas.height !== image.height) {
    Object.assign(canvas, { width: image.width, height: image.height });
  }
  canvas.getContext("2d").drawImage(image, 0, 0);
  image.close();
}

function drawMeasurement(canvas, encoded) {
  const values = new Float32Array(bytes(encoded).buffer);
  const most = values.reduce((a, b) => Math.max(a, Math.abs(b)), 1e-12);
  if (values.length > MOST_BARS) {
    const width = Math.ceil(Math.sqrt(values.length));
    const height = Math.ceil(values.length / width);
    const shades = new Uint8Array(width * height);
    values.forEach((value, i) => { shades[i] = Math.round(127.5 + 127.5 * value / most); });
    let pixels = "";
    for (let i = 0; i < shades.length; i += 4096) {
      pixels += String.fromCharCode(...shades.subarray(i, i + 4096));
    }
    drawPicture(canvas, { width, height, channels: 1, pixels: btoa(pixels) });
    return;
  }
  const context = sharp(canvas);
  const { width, height } = canvas;
  const step = width / values.length;
  context.fillStyle = colour("--mark");
  values.forEach((value, i) => {
    const length = height / 2 * value / most;
    context.fillRect(i * step, height / 2 - Math.max(length, 0), Math.max(step - 1, 1), Math.abs(length));
  });
}

function showStages(stages) {
  $("stages").replaceChildren(...Object.entries(stages).map(([name, ms]) => {
    const row = document.createElement("tr");
    row.append(document.createElement("th"), document.createElement("td"));
    row.firstChild.textContent = name;
    row.firstChild.scope = "row";
    row.lastChild.textContent = ms.toFixed(2);
    return row;
  }));
}

function showBundles() {
  const chosen = state.bundles[state.selected];
  text("name", chosen.name);
  text("m", String(chosen.measurements));
  $("bundles").hidden = state.bundles.length < 2;
  if ($("bundles").querySelectorAll("label").length !== state.bundles.length) {
    $("bundles").append(...state.bundles.map(({ label }, index) => {
      const box = document.createElement("label");
      const input = document.createElement("input");
      Object.assign(input, { type: "radio", name: "bundle", value: String(index) });
      input.addEventListener("change", () => choose(index));
      box.append(input, label);
      return box;
    }));
  }
  $("bundles").querySelectorAll("input")[state.selected].checked = true;
}

async function choose(index) {
  const answer = await fetch("/bundle", { method: "POST", body: JSON.stringify({ index }) });
  if (!answer.ok) text("status", await answer.text());
}

function onState(fresh) {
  state = fresh;
  showBundles();
  text("status", state.message || (state.camera ? "Live" : "No camera: upload a measurement"));
}

function onFrame(frame) {
  drawPreview($("preview"), frame.preview);
  drawPicture($("x"), frame.x);
  drawPicture($("image"), frame.image);
  drawMeasurement($("y"), frame.y);
  drawCurve($("curve"), frame.history.map(([step, loss]) => [step, Math.log10(Math.max(loss, 1e-12))]));
  showStages(frame.stages);
  const m = state.bundles[frame.bundle].measurements;
  text("size-x", ` ${frame.x.width * frame.x.height * frame.x.channels} values`);
  text("size-y", ` ${m} values`);
  text("psnr", `${frame.psnr.toFixed(2)} dB`);
  text("loss", frame.loss.toPrecision(4));
  text("rate", frame.rate.toFixed(1));
  text("dropped", String(frame.dropped));
  text("engine", frame.engine);
}

function showAnswer({ bundle, ms, recovered }) {
  const losses = recovered.map(({ loss }) => loss.toPrecision(4)).join(", ");
  text("answer", `Recovered ${recovered.length} with ${bundle} in ${ms.toFixed(1)} ms; loss ${losses}`);
  $("recovered").replaceChildren(...recovered.map(({ image }) => {
    const canvas = document.createElement("canvas");
    canvas.setAttribute("role", "img");
    canvas.setAttribute("aria-label", "Recovered image");
    drawPicture(canvas, image);
    return canvas;
  }));
}

async function upload(event) {
  event.preventDefault();
  const button = $("upload").querySelector("button");
  button.disabled = true;
  text("answer", "Recovering …");
  try {
    const answer = await fetch("/recover", { method: "POST", body: $("file").files[0] });
    if (answer.ok) showAnswer(await answer.json());
    else text("answer", await answer.text());
  } catch (error) {
    text("answer", `No answer: ${error.message}`);
  }
  button.disabled = false;
}

$("upload").addEventListener("submit", upload);
listen({ state: onState, frame: onFrame });
