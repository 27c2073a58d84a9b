// Reads the texts that a command sends to a model: from stdin and from files, up to a limit.
import { createReadStream } from "node:fs";
import type { Readable } from "node:stream";
import { text } from "node:stream/consumers";
import { wrongUse } from "../cli-error.ts";
import type { Context } from "../command.ts";

const maxInputBytes = 16 * 2 ** 20;

/** The text of stdin without white space at its end; "" if stdin is a terminal. @throws CliError if it is too long; the signal's reason */
export async function pipedText({ stdin, signal }: Context): Promise<string> {
  return stdin.isTTY ? "" : await textOf(stdin, "stdin", signal);
}

/** The text of a file without white space at its end. @throws as `pipedText`, and the error of the file */
export async function fileText(path: string, { signal }: Context): Promise<string> {
  return await textOf(createReadStream(path), path, signal);
}

async function textOf(stream: Readable, name: string, signal: AbortSignal): Promise<string> {
  const stop = (): void => void stream.destroy();
  signal.addEventListener("abort", stop, { once: true });
  try {
    const whole = await text(bounded(stream, name));
    return whole.trimEnd();
  } catch (error) {
    if (signal.aborted) throw signal.reason as Error;
    throw error;
  } finally {
    signal.removeEventListener("abort", stop);
  }
}

async function* bounded(stream: AsyncIterable<Buffer>, name: string): AsyncGenerator<Buffer> {
  let bytes = 0;
  for await (const chunk of stream) {
    bytes += chunk.byteLength;
    if (bytes > maxInputBytes) {
      throw wrongUse(`Cannot take more than ${maxInputBytes / 2 ** 20} MiB from ${name}.`);
    }
    yield chunk;
  }
}
