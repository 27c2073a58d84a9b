// Decodes pictures on a thread that can be killed: owns the thread's limits, and the errors. Decision 109.
import { createIsolate, IsolateError, unlessAborted, type Clock, type StartIsolateThread } from "@waggle/async";
import { WaggleError } from "@waggle/protocol";
import { checkedPicture, pictureError } from "../header/picture-header.ts";
import { pictureLimits } from "../limits.ts";
import type { DecodeResult, DecodeTask } from "./decode-picture.ts";
import type { Pixels } from "./pixels.ts";

export interface DecodeOptions {
  /** The picture's name in messages, such as "picture 2". */
  readonly name: string;
  /** A picture with more pixels is scaled down. */
  readonly maxPixels: number;
  /** Clients take turns on the thread. */
  readonly client?: string;
  /** Aborts when the pixels are not needed any more. */
  readonly signal?: AbortSignal | undefined;
}

export interface PictureDecoder {
  /**
   * Decodes the first frame, turns it as its EXIF metadata says, and lays it on white.
   * @throws WaggleError invalid_argument when the picture is bad, or decoding it takes too long; resource_exhausted when too many pictures wait;
   * unavailable after `dispose`; internal
   * @throws the signal's reason when it aborts
   */
  decode(bytes: Uint8Array, options: DecodeOptions): Promise<Pixels>;
  /** Rejects waiting pictures; resolves when the thread has ended. */
  dispose(): Promise<void>;
}

export interface PictureDecoderOptions {
  readonly limits?: Partial<PictureDecoderLimits>;
  readonly clock?: Clock;
  /** Default: a thread of this process. */
  readonly startThread?: StartIsolateThread<MovedTask, DecodeResult>;
}

/** A task with a buffer that moves to the thread. */
type MovedTask = DecodeTask & { readonly bytes: Uint8Array<ArrayBuffer> };

/** The limits of a file hold everywhere, so that no process accepts a picture that another refuses. */
type PictureDecoderLimits = {
  readonly [
    Limit in Exclude<keyof typeof pictureLimits, "fileBytes" | "filePixels" | "sidePixels" | "sideRatio">
  ]: number;
};

/** The thread starts with the first picture. */
export function createPictureDecoder(options: PictureDecoderOptions = {}): PictureDecoder {
  const limits: PictureDecoderLimits = { ...pictureLimits, ...options.limits };
  const { clock, startThread } = options;
  const isolate = createIsolate<DecodeTask, DecodeResult, MovedTask>({
    thread: { name: "picture-thread", caller: import.meta.url },
    limits: {
      startMs: limits.startTimeoutMs,
      deadlineMs: limits.decodeDeadlineMs,
      waiting: limits.waiting,
      clientShare: limits.clientShare,
      waitingSize: limits.waitingBytes,
      heapMiB: limits.threadHeapMiB,
    },
    // The caller keeps its bytes, which may be part of a larger buffer.
    toMessage: (task) => ({ ...task, bytes: new Uint8Array(task.bytes) }),
    movedOf: ({ bytes }) => [bytes.buffer],
    endThreadAfter: ({ picture }, result) =>
      (result.kind === "refused" && result.isBroken) || picture.width * picture.height > limits.keptPixels,
    ...(clock === undefined ? {} : { clock }),
    ...(startThread === undefined ? {} : { startThread }),
  });

  return {
    async decode(bytes, { name, maxPixels, client = "", signal }) {
      signal?.throwIfAborted();
      const picture = checkedPicture(bytes, name);
      const limitMs = limits.decodeMs + (picture.width * picture.height * limits.decodeMsPerMegapixel) / 1e6;
      const decoding = isolate
        .run({ bytes, picture, maxPixels }, { limitMs, client, size: bytes.length, signal })
        .catch((error: unknown) => {
          throw decodeErrorOf(error, name);
        });
      // An isolate drops a waiting task only when its turn comes.
      const result = await unlessAborted(decoding, signal);
      if (result.kind === "refused") throw pictureError(name, result.reason);
      return result.pixels;
    },
    dispose: async () => await isolate.close(),
  };
}

function decodeErrorOf(error: unknown, name: string): WaggleError {
  const message = `Cannot read ${name}: ${error instanceof Error ? error.message : "unknown"}`;
  switch (error instanceof IsolateError ? error.reason : undefined) {
    case "too_slow":
      return pictureError(name, "decoding it takes too long");
    case "out_of_memory":
      return pictureError(name, "decoding it takes too much memory");
    case "full":
      return new WaggleError("resource_exhausted", `${message}.`, { retryAfterS: 1 });
    case "closed":
    case "not_started":
    case "too_busy":
      return new WaggleError("unavailable", `${message}.`, { retryAfterS: 1 });
    default:
      return WaggleError.from(new Error(message, { cause: error }));
  }
}
