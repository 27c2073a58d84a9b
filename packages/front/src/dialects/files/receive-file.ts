// Receives an uploaded file: reads the multipart body, and writes the part with the file to the lane's folder while it arrives. Programs send the parts
// in any order, so the upload is judged after its last part.
import { Busboy } from "@fastify/busboy";
import type { BusboyFileStream, BusboyInstance } from "@fastify/busboy";
import { deferred } from "@waggle/async";
import type { KeptFile, LaneFiles, Receiving } from "@waggle/jobs";
import { ExpiresAfterSchema, WaggleError, fileLimits, invalidArgument, refuseField } from "@waggle/protocol";
import { bodyChunks } from "../../body/body.ts";
import type { AppContext } from "../../server/context.ts";

/** Bytes of all other parts and of the headers of parts. */
const aroundBytes = 65_536;
const fieldBytes = 1_024;
const mostParts = 16;

interface Upload {
  readonly fields: ReadonlyMap<string, string>;
  readonly filename: string;
  readonly receiving: Receiving;
}

/** @throws WaggleError invalid_argument naming the part; payload_too_large; out_of_space; unavailable. Then nothing of the file is left */
export async function receiveFile(c: AppContext, files: LaneFiles): Promise<KeptFile> {
  const opened: Receiving[] = [];
  try {
    const { fields, filename, receiving } = await readParts(c, async () => {
      const file = await files.receive(c.get("client"), fileLimits.bytes);
      opened.push(file);
      return file;
    });
    if (fields.get("purpose") === undefined) throw refuseField("purpose", "missing; must be batch");
    if (fields.get("purpose") !== "batch") throw refuseField("purpose", "must be batch: other files are not kept");
    if (!filename.endsWith(".jsonl")) throw refuseField("file", "the name of a file for a batch must end in .jsonl");
    if (filename.length > fileLimits.nameChars) throw refuseField("file", "its name is too long");
    const expiresAt = Date.now() + 1_000 * secondsIn(fields);
    return await receiving.finish({ filename, purpose: "batch", expiresAt });
  } catch (error) {
    for (const receiving of opened) await receiving.abort();
    throw error;
  }
}

/** @param open called once, when the part with the file begins */
async function readParts(c: AppContext, open: () => Promise<Receiving>): Promise<Upload> {
  const parser = parserFor(c.req.header("content-type") ?? "");
  const fields = new Map<string, string>();
  let content: BusboyFileStream | undefined;
  let file: Promise<Pick<Upload, "filename" | "receiving">> | undefined;
  const failed = deferred<never>();
  failed.promise.catch(() => {});
  parser.on("field", (name, value) => void fields.set(name, value));
  parser.on("file", (name, stream, filename: string | undefined) => {
    stream.on("error", () => {});
    if (name !== "file") return void stream.resume();
    if (content !== undefined) return failed.reject(refuseField("file", "only one file is accepted"));
    content = stream;
    file = writeFile(stream, open).then((receiving) => ({ receiving, filename: filename ?? "" }));
    file.catch(failed.reject);
  });
  const ended = new Promise<void>((resolve) => parser.once("finish", resolve));
  parser.on("error", (error) => failed.reject(malformed(error)));
  const unlessFailed = (step: Promise<void>): Promise<void> => Promise.race([failed.promise, step]);
  try {
    for await (const chunk of bodyChunks(c, fileLimits.bytes + aroundBytes)) {
      await unlessFailed(new Promise((resolve) => parser.write(chunk, () => resolve())));
      await c.get("pace")(chunk.byteLength);
    }
    parser.end();
    await unlessFailed(ended);
    const written = await file;
    if (written === undefined) throw refuseField("file", "missing; must be a part with a file");
    return { ...written, fields };
  } catch (error) {
    content?.destroy();
    await file?.catch(() => undefined);
    throw error;
  }
}

async function writeFile(stream: BusboyFileStream, open: () => Promise<Receiving>): Promise<Receiving> {
  const receiving = await open();
  for await (const chunk of stream) await receiving.write(chunk as Uint8Array);
  return receiving;
}

function parserFor(contentType: string): BusboyInstance {
  try {
    const limits = { fieldSize: fieldBytes, parts: mostParts, headerPairs: 32, headerSize: 8_192 };
    return new Busboy({ headers: { "content-type": contentType }, limits });
  } catch (cause) {
    throw malformed(cause);
  }
}

function malformed(cause: unknown): WaggleError {
  return new WaggleError("invalid_argument", "Cannot read the body: it is not multipart/form-data.", { cause });
}

/** @throws WaggleError invalid_argument */
function secondsIn(fields: ReadonlyMap<string, string>): number {
  const [anchor, seconds] = ["anchor", "seconds"].map((name) => fields.get(`expires_after[${name}]`));
  if (anchor === undefined && seconds === undefined) return fileLimits.seconds.most;
  const parsed = ExpiresAfterSchema.safeParse({ anchor, seconds: seconds === undefined ? seconds : Number(seconds) });
  if (parsed.success) return parsed.data.seconds;
  throw invalidArgument(parsed.error, "field expires_after");
}
