// Owns search, export and import of all conversations. Reads the messages from the storage, and does not keep them.
import { formatBytes, formatCounted } from "../../parts/format.ts";
import type { SavedFile } from "../../parts/save-file.ts";
import { fromJson, maxFileBytes, toJson, toMarkdown, withoutClash } from "../conversation/conversation-file.ts";
import { shownMessages, searchText, type Conversation, type Head, type Message } from "../conversation/conversation.ts";
import { isRemoved, withoutRemoved } from "../conversation/removed-messages.ts";
import { packPictures, packedBytes, unpackPictures } from "../pictures/picture-file.ts";
import { findIn, folded, type Found } from "../sidebar/search.ts";
import type { Conversations } from "./conversations.ts";
import { changeOf, type Change } from "./storage.ts";

export interface SearchHit {
  readonly head: Head;
  /** Undefined for a hit in the title. */
  readonly message?: Pick<Message, "id" | "role">;
  readonly found: Found;
}

export type FileKind = "json" | "markdown";

export interface Library {
  /** The first hit in each conversation, newest conversations first; stops when the signal is aborted. */
  search(words: string, signal: AbortSignal): Promise<readonly SearchHit[]>;
  /** Exports these conversations, or all. */
  export(kind: FileKind, ids?: readonly string[]): Promise<SavedFile>;
  /** Returns the result as a sentence. @throws Error whose message is a sentence */
  import(file: File): Promise<string>;
}

/** Leaves the head as it is, but restores what was deleted. */
function stays({ removed }: Head, { turns }: Change): Change["head"] {
  const back = turns.filter(({ id }) => isRemoved(removed, id)).map(({ id }) => [id, null] as const);
  return {
    kind: "patch",
    patch: { deletedAt: undefined, ...(back.length === 0 ? {} : { removed: Object.fromEntries(back) }) },
  };
}

const hitsLimit = 200;

export function createLibrary(conversations: Conversations): Library {
  async function readAll(ids: ReadonlySet<string>): Promise<ReadonlyMap<string, readonly Message[]>> {
    const messagesById = new Map<string, Message[]>();
    for await (const { id, turns } of conversations.readAllMessages()) {
      if (ids.has(id)) messagesById.set(id, [...(messagesById.get(id) ?? []), ...turns]);
    }
    // Messages in this tab may not be stored yet.
    for (const { id, turns } of conversations.all()) if (ids.has(id)) messagesById.set(id, [...turns]);
    return messagesById;
  }

  return {
    async search(words, signal) {
      const wanted = folded(words.trim());
      if (wanted === "") return [];
      const heads = new Map(conversations.heads.peek().map((head) => [head.id, head]));
      const hits = new Map<string, SearchHit>();
      for (const head of heads.values()) {
        const found = findIn(head.title, wanted);
        if (found !== undefined) hits.set(head.id, { head, found });
      }
      for await (const { id, turns } of conversations.readAllMessages()) {
        if (signal.aborted) break;
        const head = heads.get(id);
        if (head === undefined || hits.has(id)) continue;
        const hit = firstHit(head, withoutRemoved(turns, head.removed), wanted);
        if (hit !== undefined) hits.set(id, hit);
      }
      return [...hits.values()].toSorted((a, b) => b.head.updatedAt - a.head.updatedAt).slice(0, hitsLimit);
    },
    async export(kind, ids) {
      const wanted = conversations.heads.peek().filter(({ id }) => ids === undefined || ids.includes(id));
      const messagesById = await readAll(new Set(wanted.map(({ id }) => id)));
      const whole = wanted
        .toSorted((a, b) => b.updatedAt - a.updatedAt)
        .map(({ removed, ...head }): Conversation => ({
          ...head,
          turns: withoutRemoved(messagesById.get(head.id) ?? [], removed),
        }));
      const name = ids === undefined ? "waggle-conversations" : fileName(whole[0]?.title ?? "");
      if (kind === "markdown") return { name: `${name}.md`, type: "text/markdown", text: toMarkdown(whole) };
      if (whole.length > 1 && whole.reduce((sum, conversation) => sum + packedBytes(conversation), 0) > maxFileBytes) {
        throw new Error(
          `Cannot export all conversations in one file: their pictures are larger than ${formatBytes(maxFileBytes)}. Export them one by one.`,
        );
      }
      const packed: Conversation[] = [];
      for (const conversation of whole) packed.push(await packPictures(conversation, conversations.pictures.find));
      return { name: `${name}.json`, type: "application/json", text: toJson(packed, Date.now()) };
    },
    async import(file) {
      if (file.size > maxFileBytes) {
        throw new Error(`Cannot import ${file.name}: it is larger than ${formatBytes(maxFileBytes)}.`);
      }
      const unpacked = fromJson(await file.text(), file.name).map(unpackPictures);
      const brought = unpacked.map(({ conversation }) => conversation);
      const here = await readAll(new Set(brought.map(({ id }) => id)));
      const known = new Map(conversations.everyHead().map((head) => [head.id, head]));
      const copies = brought.map((conversation) => withoutClash(conversation, here.get(conversation.id) ?? []));
      const changes = copies
        .map(changeOf)
        // The title and settings in this browser are newer than the title and settings in the file.
        .map((change): Change => {
          const head = known.get(change.id);
          return head === undefined ? change : { ...change, head: stays(head, change) };
        });
      const pictures = unpacked.flatMap((one, i) =>
        one.pictures.map((picture) => ({ ...picture, owner: copies[i]?.id ?? picture.owner })),
      );
      await conversations.bring(changes, pictures);
      const fresh = changes.filter(({ id }) => !known.has(id)).length;
      const merged = changes.length - fresh;
      return `Imported ${formatCounted(fresh, "conversation")}${merged === 0 ? "" : `; merged ${formatCounted(merged, "conversation")} with existing ones`}.`;
    },
  };
}

/** The first hit, preferably on the shown branch. */
function firstHit(head: Head, messages: readonly Message[], wanted: string): SearchHit | undefined {
  const isHit = (message: Message): boolean => folded(searchText(message)).includes(wanted);
  const first = messages.find(isHit);
  if (first === undefined) return undefined;
  const message = shownMessages({ ...head, turns: messages }).find(isHit) ?? first;
  const found = findIn(searchText(message), wanted);
  return found === undefined ? undefined : { head, message: { id: message.id, role: message.role }, found };
}

function fileName(title: string): string {
  const name = title
    .replaceAll(/[^\p{L}\p{N}]+/gu, "-")
    .replaceAll(/^-+|-+$/g, "")
    .slice(0, 60);
  return name === "" ? "conversation" : name;
}
