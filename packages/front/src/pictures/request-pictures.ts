// Owns the pictures of a request: those in its body, those that it names by URL, and those of earlier responses. Each different picture counts once.
import type { Picture } from "@waggle/engine";
import { WaggleError, pictureHash } from "@waggle/protocol";
import type { PicturePlace } from "@waggle/protocol";
import { linkSignals } from "@waggle/async";
import { readPictureHeader } from "@waggle/pictures";
import { createHash } from "node:crypto";
import type { FetchPicture } from "./fetch-picture.ts";
import { createPictureLifter } from "./lift-pictures.ts";
import type { PictureLifter } from "./lift-pictures.ts";
import type { HeldPicture, PictureBudget } from "./picture-budget.ts";
import { createPictureDecoder } from "./picture-decoder.ts";

export interface PictureLimits {
  /** Maximum size of one picture's file. */
  readonly maxPictureBytes: number;
  /** Maximum number of different pictures in a request. */
  readonly maxPictures: number;
  /** Maximum size of all pictures of a request together. */
  readonly maxPicturesBytes: number;
}

export interface RequestPictures {
  /** Bytes that a body with pictures may have in addition to its text: base64 has a third more bytes than the picture, and line breaks or escapes. */
  readonly mostBodyBytes: number;
  /** Takes the pictures out of the request's body. @param onGrow called with the memory of the arriving picture: negative when it has arrived */
  lifter(places: PicturePlace, onGrow: (bytes: number) => void): PictureLifter;
  /**
   * Finds the pictures of these fields, each different picture once, in the order of the fields. Fetches those that are URLs.
   * @throws WaggleError invalid_argument, payload_too_large, resource_exhausted, which name the picture
   */
  read(sources: readonly string[], options: ReadingOptions): Promise<ReadPictures>;
  /** Called when the handler has returned: from then on only jobs hold the pictures. */
  release(): void;
}

export interface ReadingOptions {
  /** Name of the model that is to read the pictures. */
  readonly model: string;
  /** Undefined while it is unknown: the engine then refuses the pictures if the model has no projector. */
  readonly vision: boolean | undefined;
  /** Finds a picture of an earlier response. */
  readonly kept?: ((sha256: string) => Picture | undefined) | undefined;
  /** Aborts when the client leaves. */
  readonly signal: AbortSignal;
}

export interface ReadPictures {
  readonly pictures: readonly Picture[];
  /** Index of the source's picture in `pictures`. */
  indexOf(source: string): number;
}

export interface RequestPicturesOptions {
  readonly limits: PictureLimits;
  readonly budget: PictureBudget;
  readonly fetchPicture: FetchPicture;
  /** The client, known when a picture is added. */
  readonly client: () => string;
}

/** Base64 has 4 characters for 3 bytes; the rest of this factor is for line breaks and escapes. */
const bodyBytesPerByte = 1.5;
/** Pictures of one request that are fetched at a time. */
const fetchWidth = 4;

export const noPictures: ReadPictures = { pictures: [], indexOf: () => 0 };

export function createRequestPictures(options: RequestPicturesOptions): RequestPictures {
  const { limits, budget, fetchPicture, client } = options;
  const { maxPictureBytes, maxPictures, maxPicturesBytes } = limits;
  const held = new Map<string, HeldPicture>();
  let bytes = 0;

  function add(picture: Picture, name: string): Picture {
    const known = held.get(picture.sha256);
    if (known !== undefined) return known.picture;
    if (held.size >= maxPictures) {
      throw tooMuch(name, `the limit of different pictures in a request is ${maxPictures} (--max-pictures)`);
    }
    if (bytes + picture.bytes.length > maxPicturesBytes) {
      throw tooMuch(
        name,
        `the pictures of the request have more than ${maxPicturesBytes} bytes together (--max-pictures-bytes)`,
      );
    }
    const holding = budget.hold(client(), picture, name);
    held.set(picture.sha256, holding);
    bytes += picture.bytes.length;
    return holding.picture;
  }

  async function find(source: string, name: string, { kept, signal }: ReadingOptions): Promise<Picture> {
    const hash = pictureHash(source);
    const known = hash === undefined ? undefined : (held.get(hash)?.picture ?? kept?.(hash));
    if (known !== undefined) return known;
    if (!/^[a-z][a-z\d+.-]*:/i.test(source) || hash !== undefined) {
      const why = "it is neither base64 nor a data: URL with base64";
      throw new WaggleError("invalid_argument", `Cannot read ${name}: ${why}.`);
    }
    const file = await fetchPicture(source, name, signal);
    return { sha256: createHash("sha256").update(file).digest("hex"), bytes: file };
  }

  return {
    mostBodyBytes: Math.ceil(bodyBytesPerByte * maxPicturesBytes),
    lifter: (places, onGrow) =>
      createPictureLifter({
        places,
        open() {
          const name = nameOf(held.size);
          // The bytes of all pictures are counted when a picture is complete, because it may be one that the request has already.
          const onTooLarge = (): WaggleError =>
            tooMuch(name, `it is larger than ${maxPictureBytes} bytes (--max-picture-bytes)`);
          const decoder = createPictureDecoder({ name, maxBytes: maxPictureBytes, onTooLarge, onGrow });
          return { name, write: decoder.write, end: () => add(decoder.end(), name).sha256 };
        },
      }),
    async read(sources, reading) {
      const distinct = [...new Set(sources)];
      if (distinct.length === 0) return noPictures;
      if (reading.vision === false) throw cannotSee(reading.model);
      const found = new Map<string, Picture>();
      const left = distinct.entries();
      const failed = new AbortController();
      using signal = linkSignals(reading.signal, failed.signal);
      const readNext = async (): Promise<void> => {
        for (const [at, source] of left) {
          const picture = await find(source, nameOf(at), { ...reading, signal });
          // After an error or the end of the request, nothing holds pictures any more.
          if (signal.aborted) return;
          found.set(source, add(picture, nameOf(at)));
        }
      };
      try {
        await Promise.all(Array.from({ length: fetchWidth }, readNext));
      } catch (error) {
        failed.abort();
        throw error;
      }
      const pictures = new Map(distinct.flatMap((source) => hashed(found.get(source))));
      const indexes = new Map([...pictures.keys()].map((sha256, index) => [sha256, index]));
      for (const [sha256, { bytes: file }] of pictures) readPictureHeader(file, nameOf(indexes.get(sha256) ?? 0));
      return {
        pictures: [...pictures.values()],
        indexOf: (source) => indexes.get(found.get(source)?.sha256 ?? "") ?? 0,
      };
    },
    release() {
      for (const { release } of held.values()) release();
      held.clear();
      bytes = 0;
    },
  };
}

function hashed(picture: Picture | undefined): [string, Picture][] {
  return picture === undefined ? [] : [[picture.sha256, picture]];
}

/** The engine numbers the pictures of a prompt in the same way. */
function nameOf(index: number): string {
  return `picture ${index + 1}`;
}

function tooMuch(name: string, why: string): WaggleError {
  return new WaggleError("payload_too_large", `Cannot accept ${name}: ${why}.`);
}

function cannotSee(model: string): WaggleError {
  return new WaggleError(
    "invalid_argument",
    `Cannot read pictures: the model "${model}" has no projector. Send text only, or choose a model with a projector (mmproj-*.gguf next to its file, or --mmproj).`,
  );
}
