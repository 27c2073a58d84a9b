// Owns the pictures of a request: those in its body, those that it names by URL, and those of earlier responses. Each different picture counts once.
import type { Picture } from "@waggle/engine";
import { WaggleError, pictureHash, pictureSource } from "@waggle/protocol";
import type { PicturePlace } from "@waggle/protocol";
import { linkSignals } from "@waggle/async";
import { readPictureHeader } from "@waggle/pictures";
import { createHash } from "node:crypto";
import type { FetchPicture } from "./fetch-picture.ts";
import { createPictureLifter } from "./lift-pictures.ts";
import type { LiftedPicture, PictureLifter } from "./lift-pictures.ts";
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
   * Finds the pictures of these fields, each different picture once, in the order of the fields. Fetches those that are URLs. If there are too many, the
   * last ones are read.
   * @throws WaggleError invalid_argument, payload_too_large for a picture that is needed; resource_exhausted. They name the picture
   */
  read(sources: readonly string[], options: ReadingOptions): Promise<ReadPictures>;
  /** Called when the handler has returned: from then on only jobs hold the pictures. */
  release(): void;
}

export interface ReadingOptions {
  /** Name of the model that is to read the pictures. */
  readonly model: string;
  /** Undefined while it is unknown: the engine then refuses the pictures if the model has no projector. */
  readonly readsPictures: boolean | undefined;
  /** Whether the request is refused without this picture. */
  readonly isNeeded: (source: string) => boolean;
  /** Finds a picture of an earlier response. */
  readonly kept?: ((sha256: string) => Picture | undefined) | undefined;
  /** Aborts when the client leaves. */
  readonly signal: AbortSignal;
}

export interface ReadPictures {
  readonly pictures: readonly Picture[];
  /** Index of the source's picture in `pictures`; undefined if the picture is left out. */
  indexOf(source: string): number | undefined;
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

export const noPictures: ReadPictures = { pictures: [], indexOf: () => undefined };

export function createRequestPictures(options: RequestPicturesOptions): RequestPictures {
  const { limits, budget, fetchPicture, client } = options;
  const { maxPictureBytes, maxPictures, maxPicturesBytes } = limits;
  const held = new Map<string, HeldPicture & { readonly name: string }>();
  /** Why a picture cannot be read, by its source. */
  const problems = new Map<string, WaggleError>();
  /** Number of different pictures in the body so far. */
  let lifted = 0;

  function hold(picture: Picture, name: string): Picture {
    const known = held.get(picture.sha256);
    if (known !== undefined) return known.picture;
    const { picture: shared, release } = budget.hold(client(), picture, name);
    held.set(picture.sha256, { picture: shared, release, name });
    return shared;
  }

  /** The error if these pictures are too many. @param name the picture that is one too many */
  function excess(pictures: readonly Picture[], name: string): WaggleError | undefined {
    if (pictures.length > maxPictures) {
      return tooMuch(name, `the limit of different pictures in a request is ${maxPictures} (--max-pictures)`);
    }
    if (pictures.reduce((bytes, picture) => bytes + picture.bytes.length, 0) <= maxPicturesBytes) return undefined;
    const why = `the pictures of the request have more than ${maxPicturesBytes} bytes together (--max-pictures-bytes)`;
    return tooMuch(name, why);
  }

  /** Drops the first pictures of the body if there are too many: a conversation grows, and its last pictures matter most. */
  function dropFirst(): void {
    for (const [sha256, { release, name }] of held) {
      const error = excess(
        [...held.values()].map(({ picture }) => picture),
        name,
      );
      if (error === undefined) return;
      release();
      held.delete(sha256);
      problems.set(pictureSource(sha256), error);
    }
  }

  /** A picture that arrives in the body. What is wrong with it does not end the request, since the picture may be left out. */
  function openPicture(onGrow: (bytes: number) => void): LiftedPicture {
    const name = pictureLabel(lifted);
    let memory = 0;
    let problem: WaggleError | undefined;
    const decoder = createPictureDecoder({
      name,
      maxBytes: maxPictureBytes,
      onTooLarge: () => tooMuch(name, `it is larger than ${maxPictureBytes} bytes (--max-picture-bytes)`),
      onGrow(bytes) {
        memory += bytes;
        onGrow(bytes);
      },
    });

    function attempt<T>(work: () => T): T | undefined {
      if (problem !== undefined) return undefined;
      try {
        return work();
      } catch (error) {
        problem = WaggleError.from(error);
        onGrow(-memory);
        return undefined;
      }
    }

    return {
      write: (base64) => attempt(() => decoder.write(base64)),
      refuse: (why) =>
        attempt(() => {
          throw new WaggleError("invalid_argument", `Cannot read ${name}: ${why}.`);
        }),
      end() {
        const picture = attempt(decoder.end);
        const source = picture === undefined ? `unread:${lifted}` : pictureSource(picture.sha256);
        if (problem !== undefined) problems.set(source, problem);
        if (picture === undefined || !(held.has(picture.sha256) || problems.has(source))) lifted += 1;
        if (picture === undefined || problems.has(source)) return source;
        hold(picture, name);
        dropFirst();
        return source;
      },
    };
  }

  async function find(source: string, name: string, { kept }: ReadingOptions, signal: AbortSignal): Promise<Picture> {
    const problem = problems.get(source);
    if (problem !== undefined) throw problem;
    const hash = pictureHash(source);
    const known = hash === undefined ? undefined : (held.get(hash)?.picture ?? kept?.(hash));
    if (known !== undefined) return known;
    if (!isUrl(source)) {
      const why = "it is neither base64 nor a data: URL with base64";
      throw new WaggleError("invalid_argument", `Cannot read ${name}: ${why}.`);
    }
    const file = await fetchPicture(source, { client: client(), name, signal });
    return { sha256: createHash("sha256").update(file).digest("hex"), bytes: file };
  }

  return {
    mostBodyBytes: Math.ceil(bodyBytesPerByte * maxPicturesBytes),
    lifter: (places, onGrow) => createPictureLifter({ places, open: () => openPicture(onGrow) }),
    async read(sources, reading) {
      const distinct = [...new Set(sources)];
      const needed = distinct.filter(reading.isNeeded);
      if (reading.readsPictures === false && needed.length > 0) throw cannotSee(reading.model);
      if (reading.readsPictures === false || distinct.length === 0) return noPictures;
      const names = new Map(distinct.map((source, at) => [source, pictureLabel(at)]));
      const urls = distinct.filter(isUrl);
      // Pictures of so many later URLs fill the limit, so earlier URLs need not be fetched.
      const tooEarly = new Set(urls.slice(0, Math.max(0, urls.length - maxPictures)));
      const found = new Map<string, Picture>();
      const left = distinct.values();
      const failed = new AbortController();
      using signal = linkSignals(reading.signal, failed.signal);

      /** Leaves a picture out if the request is not refused without it. */
      function leaveOut(source: string, thrown: unknown): void {
        const error = WaggleError.from(thrown);
        const isOfPicture = error.code === "invalid_argument" || error.code === "payload_too_large";
        if (!isOfPicture || reading.isNeeded(source)) throw error;
        problems.set(source, error);
        found.delete(source);
      }

      const readNext = async (): Promise<void> => {
        for (const source of left) {
          if (tooEarly.has(source) && !reading.isNeeded(source)) continue;
          const name = names.get(source) ?? "";
          try {
            const picture = await find(source, name, reading, signal);
            // After an error or the end of the request, nothing holds pictures any more.
            if (signal.aborted) return;
            readPictureHeader(picture.bytes, name);
            found.set(source, hold(picture, name));
          } catch (error) {
            leaveOut(source, error);
          }
        }
      };
      try {
        await Promise.all(Array.from({ length: fetchWidth }, readNext));
      } catch (error) {
        failed.abort();
        throw error;
      }
      let chosen: readonly Picture[] = [];
      for (const [source, picture] of [...found].sort(([a], [b]) => distinct.indexOf(b) - distinct.indexOf(a))) {
        if (chosen.includes(picture)) continue;
        const error = excess([picture, ...chosen], names.get(source) ?? "");
        if (error === undefined) chosen = [picture, ...chosen];
        else leaveOut(source, error);
      }
      // In the order of their first sources.
      const pictures = [...new Set(distinct.flatMap((source) => found.get(source) ?? []))];
      return {
        pictures,
        indexOf(source) {
          const picture = found.get(source);
          return picture === undefined ? undefined : pictures.indexOf(picture);
        },
      };
    },
    release() {
      for (const { release } of held.values()) release();
      held.clear();
      problems.clear();
      lifted = 0;
    },
  };
}

function isUrl(source: string): boolean {
  return /^[a-z][a-z\d+.-]*:/i.test(source) && pictureHash(source) === undefined;
}

/** The engine numbers the pictures of a prompt in the same way. */
function pictureLabel(index: number): string {
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
