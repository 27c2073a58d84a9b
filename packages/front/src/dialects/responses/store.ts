// Owns the responses that are kept: each client's own, bounded in bytes and time, the least recently used forgotten first.
import type { Clock, TimerHandle } from "@waggle/async";
import { WaggleError } from "@waggle/protocol";
import type { ResponseObject } from "@waggle/protocol";
import type { OutputItem } from "./output.ts";
import type { ResponseHead } from "./response.ts";

export interface KeptResponse {
  readonly head: ResponseHead;
  /** The response whose conversation comes before the input. */
  readonly previousId: string | undefined;
  readonly input: readonly OutputItem[];
  /** Present once the response has ended. */
  readonly ended: EndedResponse | undefined;
}

export interface EndedResponse {
  /** The whole object. */
  readonly response: Partial<ResponseObject> & Pick<ResponseObject, "status">;
  /** Its output items. */
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
  /** Keeps one that has not ended. */
  keep(client: string, response: Omit<KeptResponse, "ended">): void;
  /** It has ended. A response that was deleted meanwhile stays deleted. */
  end(client: string, id: string, ended: EndedResponse): void;
  /** Undefined also for another client's. Counts as use. */
  find(client: string, id: string): KeptResponse | undefined;
  /** @throws WaggleError not_found where `find` has none; naming the field, where the id came in one */
  get(client: string, id: string, field?: string): KeptResponse;
  /** Of its conversation, which is its input and its output, as JSON; 0 when it is not kept. */
  charactersOf(client: string, id: string): number;
  /** An item of one of the client's responses. */
  item(client: string, id: string): OutputItem | undefined;
  /** Returns whether it was there. */
  forget(client: string, id: string): boolean;
  readonly bytes: number;
}

/** What a response costs in addition to its texts, roughly. */
const entryCharacters = 1_024;

interface Entry {
  response: KeptResponse;
  /** Of the input and the output. */
  characters: number;
  bytes: number;
  timer: TimerHandle;
}

/** The responses of one client. */
interface Shelf {
  /** By id, the least recently used first. */
  readonly entries: Map<string, Entry>;
  /** By an item's id, those of the responses that have it, the latest last. */
  readonly owners: Map<string, Set<string>>;
  bytes: number;
}

export function createResponseStore({ clock, maxBytes, keptForMs }: ResponseStoreOptions): ResponseStore {
  const shelves = new Map<string, Shelf>();
  let total = 0;

  function grow(shelf: Shelf, entry: Entry, characters: number): void {
    const bytes = 2 * characters;
    entry.bytes += bytes;
    shelf.bytes += bytes;
    total += bytes;
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
    shelf.bytes -= entry.bytes;
    total -= entry.bytes;
    if (shelf.entries.size === 0) shelves.delete(client);
    return true;
  }

  function expiry(client: string, id: string): TimerHandle {
    return clock.setTimeout(() => forget(client, id), keptForMs);
  }

  /** The client with the most stored bytes makes room, so that no client loses responses because of another one. */
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
    keep(client, { head, previousId, input }) {
      // Before anything is touched: it throws where the text would be longer than a string can be.
      const characters = JSON.stringify(input).length;
      const costs = entryCharacters + JSON.stringify(head).length + characters;
      forget(client, head.id);
      const shelf = shelves.get(client) ?? { entries: new Map(), owners: new Map(), bytes: 0 };
      shelves.set(client, shelf);
      const response = { head, previousId, input, ended: undefined };
      const entry: Entry = { response, characters, bytes: 0, timer: expiry(client, head.id) };
      shelf.entries.set(head.id, entry);
      own(shelf, head.id, input);
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
      const why = "it is unknown, or not kept any more";
      const details = field === undefined ? {} : { details: { problems: [{ field, problem: why }] } };
      throw new WaggleError("not_found", `Cannot find response "${id.slice(0, 128)}": ${why}.`, details);
    },
    charactersOf: (client, id) => shelves.get(client)?.entries.get(id)?.characters ?? 0,
    item(client, id) {
      const owner = [...(shelves.get(client)?.owners.get(id) ?? [])].at(-1);
      const entry = owner === undefined ? undefined : touch(client, owner);
      return entry === undefined ? undefined : itemsOf(entry.response).find((item) => item.id === id);
    },
    forget,
    get bytes() {
      return total;
    },
  };
}

function itemsOf({ input, ended }: KeptResponse): readonly OutputItem[] {
  return ended === undefined ? input : [...input, ...ended.output];
}
