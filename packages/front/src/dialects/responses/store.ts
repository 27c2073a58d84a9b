// Stores the responses of each client, up to limits on bytes and time. Drops the least recently used responses first.
import type { Clock, TimerHandle } from "@waggle/async";
import type { Picture } from "@waggle/engine";
import { WaggleError } from "@waggle/protocol";
import type { ResponseObject } from "@waggle/protocol";
import type { OutputItem } from "./output.ts";
import type { ResponseHead } from "./response.ts";

export interface KeptResponse {
  readonly head: ResponseHead;
  /** The response whose conversation precedes the input. */
  readonly previousId: string | undefined;
  readonly input: readonly OutputItem[];
  /** The pictures in the input, which has their hashes. */
  readonly pictures: readonly Picture[];
  /** Present once the response has ended. */
  readonly ended: EndedResponse | undefined;
}

export interface EndedResponse {
  readonly response: Partial<ResponseObject> & Pick<ResponseObject, "status">;
  readonly output: readonly OutputItem[];
}

export interface ResponseStoreOptions {
  readonly clock: Clock;
  /** Size limit of the responses of all clients together. */
  readonly maxBytes: number;
  /** How long a response is kept after its last use. */
  readonly keptForMs: number;
}

export interface ResponseStore {
  /** Stores a response that has not ended. */
  keep(client: string, response: Omit<KeptResponse, "ended">): void;
  /** Adds the end of the response, unless the response was deleted meanwhile. */
  end(client: string, id: string, ended: EndedResponse): void;
  /** The client's response with this id; undefined if the id is unknown or is another client's. Counts as a use. */
  find(client: string, id: string): KeptResponse | undefined;
  /** Like `find`. @param field the field with the id, for the error. @throws WaggleError not_found */
  get(client: string, id: string, field?: string): KeptResponse;
  /** Characters of the response's input and output as JSON; 0 if the response is not stored. */
  charactersOf(client: string, id: string): number;
  /** An item of any of the client's responses. */
  item(client: string, id: string): OutputItem | undefined;
  /** A picture of any of the client's responses. */
  picture(client: string, sha256: string): Picture | undefined;
  /** Returns whether the response was stored. */
  forget(client: string, id: string): boolean;
  readonly bytes: number;
}

/** Approximate size of a response without its texts. */
const entryCharacters = 1_024;

interface Entry {
  response: KeptResponse;
  /** Characters of input and output. */
  characters: number;
  bytes: number;
  timer: TimerHandle;
}

interface Shelf {
  /** By id of the response, the least recently used first. */
  readonly entries: Map<string, Entry>;
  /** By id of an item: ids of the responses that contain the item, the latest last. */
  readonly owners: Map<string, Set<string>>;
  /** By hash. A picture counts once, since clients send it again with each turn. */
  readonly pictures: Map<string, { readonly picture: Picture; responses: number }>;
  bytes: number;
}

export function createResponseStore({ clock, maxBytes, keptForMs }: ResponseStoreOptions): ResponseStore {
  const shelves = new Map<string, Shelf>();
  let total = 0;

  function grow(shelf: Shelf, entry: Entry, characters: number): void {
    const bytes = 2 * characters;
    entry.bytes += bytes;
    count(shelf, bytes);
  }

  function count(shelf: Shelf, bytes: number): void {
    shelf.bytes += bytes;
    total += bytes;
  }

  function addPictures(shelf: Shelf, pictures: readonly Picture[]): void {
    for (const picture of pictures) {
      const known = shelf.pictures.get(picture.sha256) ?? { picture, responses: 0 };
      if (known.responses === 0) count(shelf, picture.bytes.length);
      known.responses += 1;
      shelf.pictures.set(picture.sha256, known);
    }
  }

  function removePictures(shelf: Shelf, pictures: readonly Picture[]): void {
    for (const { sha256, bytes } of pictures) {
      const known = shelf.pictures.get(sha256);
      if (known === undefined) continue;
      known.responses -= 1;
      if (known.responses > 0) continue;
      shelf.pictures.delete(sha256);
      count(shelf, -bytes.length);
    }
  }

  function own(shelf: Shelf, id: string, items: readonly OutputItem[]): void {
    for (const item of items) shelf.owners.set(item.id, (shelf.owners.get(item.id) ?? new Set()).add(id));
  }

  function forget(client: string, id: string): boolean {
    const shelf = shelves.get(client);
    const entry = shelf?.entries.get(id);
    if (shelf === undefined || entry === undefined) return false;
    entry.timer.cancel();
    shelf.entries.delete(id);
    for (const item of itemsOf(entry.response)) {
      const owners = shelf.owners.get(item.id);
      owners?.delete(id);
      if (owners?.size === 0) shelf.owners.delete(item.id);
    }
    removePictures(shelf, entry.response.pictures);
    count(shelf, -entry.bytes);
    if (shelf.entries.size === 0) shelves.delete(client);
    return true;
  }

  function expiry(client: string, id: string): TimerHandle {
    return clock.setTimeout(() => forget(client, id), keptForMs);
  }

  /** Drops responses of the client with the most stored bytes, so that a client cannot evict the responses of smaller clients. */
  function makeRoom(): void {
    while (total > maxBytes) {
      const [largest] = [...shelves].sort(([, a], [, b]) => b.bytes - a.bytes);
      const [oldest] = largest?.[1].entries.keys() ?? [];
      if (largest === undefined || oldest === undefined) return;
      forget(largest[0], oldest);
    }
  }

  function touch(client: string, id: string): Entry | undefined {
    const entries = shelves.get(client)?.entries;
    const entry = entries?.get(id);
    if (entries === undefined || entry === undefined) return undefined;
    entries.delete(id);
    entries.set(id, entry);
    entry.timer.cancel();
    entry.timer = expiry(client, id);
    return entry;
  }

  return {
    keep(client, { head, previousId, input, pictures }) {
      // Before any change, since `JSON.stringify` throws if the text exceeds the maximum length of a string.
      const characters = JSON.stringify(input).length;
      const costs = entryCharacters + JSON.stringify(head).length + characters;
      forget(client, head.id);
      const shelf = shelves.get(client) ?? { entries: new Map(), owners: new Map(), pictures: new Map(), bytes: 0 };
      shelves.set(client, shelf);
      const response = { head, previousId, input, pictures, ended: undefined };
      const entry: Entry = { response, characters, bytes: 0, timer: expiry(client, head.id) };
      shelf.entries.set(head.id, entry);
      own(shelf, head.id, input);
      addPictures(shelf, pictures);
      grow(shelf, entry, costs);
      makeRoom();
    },
    end(client, id, ended) {
      const shelf = shelves.get(client);
      const entry = shelf?.entries.get(id);
      if (shelf === undefined || entry === undefined) return;
      const characters = JSON.stringify(ended.output).length;
      entry.response = { ...entry.response, ended };
      entry.characters += characters;
      own(shelf, id, ended.output);
      grow(shelf, entry, characters);
      makeRoom();
    },
    find: (client, id) => touch(client, id)?.response,
    get(client, id, field) {
      const entry = touch(client, id);
      if (entry !== undefined) return entry.response;
      const why = "it is unknown, or no longer stored";
      const details = field === undefined ? {} : { details: { problems: [{ field, problem: why }] } };
      throw new WaggleError("not_found", `Cannot find response "${id.slice(0, 128)}": ${why}.`, details);
    },
    charactersOf: (client, id) => shelves.get(client)?.entries.get(id)?.characters ?? 0,
    item(client, id) {
      const owner = [...(shelves.get(client)?.owners.get(id) ?? [])].at(-1);
      const entry = owner === undefined ? undefined : touch(client, owner);
      return entry === undefined ? undefined : itemsOf(entry.response).find((item) => item.id === id);
    },
    picture: (client, sha256) => shelves.get(client)?.pictures.get(sha256)?.picture,
    forget,
    get bytes() {
      return total;
    },
  };
}

function itemsOf({ input, ended }: KeptResponse): readonly OutputItem[] {
  return ended === undefined ? input : [...input, ...ended.output];
}
