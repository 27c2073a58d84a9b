// Owns the files of an unsent message: reads them one after the other, counts their tokens, and refuses or removes files. Draws nothing.
import { computed, signal, type ReadonlySignal } from "@preact/signals";
import { formatCount } from "../../parts/format.ts";
import { newId } from "../conversation/new-id.ts";
import { attachmentLimits, charsOf, picturesIn, type Attachment, type ReadFile } from "./attachment.ts";
import type { Sight } from "../pictures/sight.ts";
import type { CountTokens } from "./count-tokens.ts";
import { readFile } from "./read-file.ts";

/** A file of an unsent message; `attachment` is absent until the file has been read. */
export interface PendingFile extends Pick<Attachment, "id" | "name" | "bytes"> {
  readonly attachment?: Attachment;
}

/** The files of pictures in this tab. */
export interface PictureFiles {
  hold(id: string, file: Blob): void;
  /** The file of a picture in a stored draft; undefined if this browser has not kept it. */
  find(id: string): Promise<Blob | undefined>;
}

export interface PendingFiles {
  readonly files: ReadonlySignal<readonly PendingFile[]>;
  /** Whether a file is still being read. No message can be sent meanwhile. */
  readonly reading: ReadonlySignal<boolean>;
  /** A sentence for each file that could not be attached. */
  readonly refusals: ReadonlySignal<readonly string[]>;
  /** The files that have been read. */
  attachments(): readonly Attachment[];
  add(files: Iterable<File>): void;
  remove(id: string): void;
  dismissRefusals(): void;
  /** Returns the files that have been read, and empties the list. */
  take(): readonly Attachment[];
  /** Stops reading. */
  close(): void;
}

export interface PendingFilesOptions {
  readonly countTokens: CountTokens;
  readonly pictures: PictureFiles;
  readonly sightNow: () => Sight;
  /** The files of a stored draft. */
  readonly first?: readonly Attachment[] | undefined;
  /** Called with the files that have been read, at each change. */
  readonly onChange?: (attachments: readonly Attachment[]) => void;
  readonly read?: ((file: File, sight: Sight, signal: AbortSignal) => Promise<ReadFile>) | undefined;
  /** Shared by all drafts, so that the page reads one file at a time. */
  readonly inTurn?: InTurn;
}

/** Runs a task when all earlier tasks have ended. */
export type InTurn = (task: () => Promise<void>) => void;

const refusalsLimit = 5;

export function createPendingFiles(options: PendingFilesOptions): PendingFiles {
  const { countTokens, pictures, sightNow, first = [], onChange, read = readFile, inTurn = createTurns() } = options;
  const files = signal<readonly PendingFile[]>(first.map(pendingOf));
  const refusals = signal<readonly string[]>([]);
  /** Ids of pictures of the stored draft whose files are being read from the storage. */
  const restoring = signal<ReadonlySet<string>>(new Set(picturesIn(first).map(({ id }) => id)));
  const reading = computed(() =>
    files.value.some(({ id, attachment }) => attachment === undefined || restoring.value.has(id)),
  );
  const leaving = new AbortController();

  function attachments(): readonly Attachment[] {
    return files.peek().flatMap(({ attachment }) => attachment ?? []);
  }

  function put(changed: readonly PendingFile[]): void {
    const before = attachments();
    files.value = changed;
    const after = attachments();
    if (before.length !== after.length || before.some((attachment, i) => attachment !== after[i])) onChange?.(after);
  }

  function replace(attachment: Attachment): void {
    put(files.peek().map((file) => (file.id === attachment.id ? pendingOf(attachment) : file)));
  }

  function refuseFile(name: string, reason: string): void {
    const sentence = `Cannot attach ${name}: ${reason}`;
    refusals.value = [...refusals.value.filter((other) => other !== sentence), sentence].slice(-refusalsLimit);
  }

  async function restore({ id, name }: Attachment): Promise<void> {
    const file = await pictures.find(id).catch(() => undefined);
    if (file === undefined && isThere(id)) {
      put(files.peek().filter((other) => other.id !== id));
      refuseFile(name, "this browser has not kept it.");
    }
    restoring.value = new Set([...restoring.peek()].filter((other) => other !== id));
  }

  function isThere(id: string): boolean {
    return !leaving.signal.aborted && files.peek().some((file) => file.id === id);
  }

  async function take(file: File, pending: PendingFile): Promise<void> {
    if (!isThere(pending.id)) return;
    const outcome = await read(file, sightNow(), leaving.signal);
    if (!isThere(pending.id)) return;
    if (outcome.kind === "picture") {
      pictures.hold(pending.id, outcome.file);
      replace({ ...pending, bytes: outcome.file.size, text: "", picture: outcome.picture });
      return;
    }
    const reason = outcome.kind === "refused" ? outcome.reason : noRoomFor(outcome.text.length);
    if (outcome.kind === "refused" || reason !== undefined) {
      put(files.peek().filter(({ id }) => id !== pending.id));
      refuseFile(file.name, reason ?? "it cannot be read.");
      return;
    }
    const { kind: _, ...content } = outcome;
    const attachment = { ...pending, ...content };
    replace(attachment);
    void count(attachment);
  }

  async function count(attachment: Attachment): Promise<void> {
    const tokens = await countTokens(attachment.text, leaving.signal);
    if (tokens !== undefined && isThere(attachment.id)) replace({ ...attachment, tokens });
  }

  function noRoomFor(chars: number): string | undefined {
    const limit = attachmentLimits.messageChars;
    return charsOf(attachments()) + chars <= limit
      ? undefined
      : `the files of one message may have ${formatCount(limit)} characters together.`;
  }

  for (const picture of picturesIn(first)) void restore(picture);

  return {
    files,
    reading,
    refusals,
    attachments,
    add(added) {
      for (const file of added) {
        if (files.peek().length >= attachmentLimits.files) {
          refuseFile(file.name, `a message may have ${attachmentLimits.files} files.`);
          continue;
        }
        const pending = { id: newId("file"), name: file.name, bytes: file.size };
        files.value = [...files.value, pending];
        inTurn(() => take(file, pending));
      }
    },
    remove: (id) => put(files.peek().filter((file) => file.id !== id)),
    dismissRefusals: () => void (refusals.value = []),
    take() {
      const taken = attachments();
      put([]);
      refusals.value = [];
      return taken;
    },
    close: () => leaving.abort(),
  };
}

/** Tasks run one after the other, because reading several PDFs at a time would need several times the memory. */
export function createTurns(): InTurn {
  let last = Promise.resolve();
  return (task) => void (last = last.then(task).catch(() => undefined));
}

function pendingOf(attachment: Attachment): PendingFile {
  const { id, name, bytes } = attachment;
  return { id, name, bytes, attachment };
}
