"use strict";

const $ = (id) => document.getElementById(id);
const colour = (name) => getComputedStyle(document.documentElement).getPropertyValue(name);
const bytes = (text) => Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));

function text(id, value) {
  if ($(id).textContent !== value) $(id).textContent = value;
}

// Set a canvas to the pixels the screen has for it, and return what draws on it.
function sharp(canvas) {
  const scale = window.devicePixelRatio || 1;
  const width = Math.round(canvas.clientWidth * scale);
  const height = Math.round(canvas.clientHeight * scale);
  if (canvas.width !== width || canvas.height !== height) Object.assign(canvas, { width, height });
  const context = canvas.getContext("2d");
  context.clearRect(0, 0, width, height);
  return context;
}

function drawPicture(canvas, { width, height, channels, pixels }) {
  const from = bytes(pixels);
  const data = new ImageData(width, height);
  for (let i = 0; i < width * height; i++) {
    for (let c = 0; c < 3; c++) data.data[4 * i + c] = from[channels * i + (channels === 3 ? c : 0)];
    data.data[4 * i + 3] = 255;
  }
  if (canvas.width !== width || canvas.height !== height) Object.assign(canvas, { width, height });
  canvas.getContext("2d").putImageData(data, 0, 0);
}

// Draw a line through points [x, y] to a dot, the lowest and highest y at the edges.
function drawCurve(canvas, points) {
  const context = sharp(canvas);
  const { width, height } = canvas;
  const last = Math.max(points[points.length - 1][0], 1);
  const low = Math.min(...points.map((point) => point[1]));
  const high = Math.max(...points.map((point) => point[1]));
  const edge = 4 * (window.devicePixelRatio || 1);
  context.strokeStyle = context.fillStyle = colour("--mark");
  context.lineWidth = edge / 2;
  context.beginPath();
  let across, down;
  for (const [x, y] of points) {
    across = edge + (width - 2 * edge) * x / last;
    down = height - edge - (height - 2 * edge) * (y - low) / Math.max(high - low, 1e-12);
    context.lineTo(across, down);
  }
  context.stroke();
  context.fillRect(across - edge / 2, down - edge / 2, edge, edge);
}

// Listen to the service's events, and again when it is back.
function listen(events) {
  const source = new EventSource("/events");
  for (const [name, seen] of Object.entries(events)) {
    source.addEventListener(name, (event) => seen(JSON.parse(event.data)));
  }
  source.addEventListener("error", () => {
    text("status", "Connection lost, trying again …");
    source.close();
    setTimeout(() => listen(events), 2000);
  });
}
