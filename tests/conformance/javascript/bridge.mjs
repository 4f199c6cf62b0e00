// node bridge.mjs FOLDER ENDPOINT TRANSPORT: runs commands of the AWS SDK for JavaScript v3, whose packages lie in FOLDER, as they come
// on standard input, one line of JSON each. TRANSPORT: default (what the SDK chooses: HTTP/2) or http1.
import { createRequire } from "node:module";
import { createInterface } from "node:readline";

const [folder, endpoint, transport] = process.argv.slice(2);
const require = createRequire(`${folder}/package.json`);
const sdk = require("@aws-sdk/client-kinesis");
const { NodeHttpHandler } = require("@smithy/node-http-handler");

const client = new sdk.KinesisClient({
  endpoint,
  maxAttempts: 10,
  ...(transport === "http1" ? { requestHandler: new NodeHttpHandler() } : {}),
});

// Bytes and dates have no form in JSON: "base64:..." and "date:<seconds>" stand for them.
function incoming(value) {
  if (Array.isArray(value)) return value.map(incoming);
  if (value !== null && typeof value === "object") {
    return Object.fromEntries(Object.entries(value).map(([name, item]) => [name, incoming(item)]));
  }
  if (typeof value === "string" && value.startsWith("base64:")) return Buffer.from(value.slice(7), "base64");
  if (typeof value === "string" && value.startsWith("date:")) return new Date(Number(value.slice(5)) * 1000);
  return value;
}

function outgoing(value) {
  if (value instanceof Uint8Array) return "base64:" + Buffer.from(value).toString("base64");
  if (value instanceof Date) return `date:${value.getTime() / 1000}`;
  if (Array.isArray(value)) return value.map(outgoing);
  if (value !== null && typeof value === "object") {
    return Object.fromEntries(Object.entries(value).map(([name, item]) => [name, outgoing(item)]));
  }
  return value;
}

async function run({ operation, parameters }) {
  try {
    const { $metadata, ...answer } = await client.send(new sdk[`${operation}Command`](incoming(parameters)));
    return { answer: outgoing(answer) };
  } catch (error) {
    return { error: error.name, message: error.message, status: error.$metadata?.httpStatusCode ?? 0 };
  }
}

for await (const line of createInterface({ input: process.stdin })) {
  process.stdout.write(JSON.stringify(await run(JSON.parse(line))) + "\n");
}
client.destroy();
