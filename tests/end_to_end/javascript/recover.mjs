// Recover an image from a measurement with onnxruntime-web: recover.onnx, no Python.
//
//   node recover.mjs recover.onnx problem.json > image.json
//
// problem.json: { y: [B][m], z0: [B][k], beta, max_steps, tolerance }; image.json: { image, z, loss }.
import { readFileSync } from "node:fs";
import * as ort from "onnxruntime-web";

const [modelPath, problemPath] = process.argv.slice(2);
const problem = JSON.parse(readFileSync(problemPath, "utf8"));

ort.env.wasm.numThreads = 1;
ort.env.logLevel = "error";
const session = await ort.InferenceSession.create(readFileSync(modelPath), {
  executionProviders: ["wasm"],
  graphOptimizationLevel: "all",
  // DequantizeLinear of INT4 weights is folded at load with it, and done at every run without.
  extra: { session: { disable_quant_qdq: "1", qdq_matmulnbits_accuracy_level: "0" } },
});

const matrix = (rows) => new ort.Tensor("float32", rows.flat(), [rows.length, rows[0].length]);
const scalar = (value) => new ort.Tensor("float32", [value], []);
const found = await session.run({
  y: matrix(problem.y),
  z0: matrix(problem.z0),
  beta: scalar(problem.beta),
  max_steps: new ort.Tensor("int64", [BigInt(problem.max_steps)], []),
  tolerance: scalar(problem.tolerance),
});
const values = (name) => Array.from(found[name].data);
console.log(JSON.stringify({ image: values("image"), z: values("z"), loss: values("loss") }));
