// Opens journals in a new folder for each test, and closes them after it.
import { mkdtempSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach } from "vitest";
import { createJournal } from "../journal/journal.ts";
import type { Journal, JournalOptions, TurnRecord } from "../journal/journal.ts";

/** A message of the model with one call. */
export const message = {
  content: null,
  tool_calls: [{ id: "c1", type: "function" as const, function: { name: "s__t", arguments: "{}" } }],
};

export interface Journals {
  /** The journal's file, in a folder that does not exist yet. */
  readonly path: string;
  /** A new process: the journal before is not closed. The time is 1,000 by default. */
  open(options?: Partial<JournalOptions>): Promise<Journal>;
}

export function useJournals(): Journals {
  let folder = "";
  const opened: Journal[] = [];
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), "waggle-journal-"));
  });
  afterEach(async () => {
    await Promise.all(opened.splice(0).map((journal) => journal.close()));
  });
  return {
    get path() {
      return join(folder, "inner/journal.jsonl");
    },
    async open(options) {
      const journal = await createJournal({ path: this.path, now: () => 1_000, ...options });
      opened.push(journal);
      return journal;
    },
  };
}

/** The turn of `client key`. @throws Error if the key was begun with another request */
export async function begin(journal: Journal, name: string, digest = "digest"): Promise<TurnRecord> {
  const [client = "", ...key] = name.split(" ");
  const turn = await journal.begin({ client, key: key.join(" "), digest });
  if (turn === undefined) throw new Error("The key was begun with another request");
  return turn;
}

/** A turn with a message of so many characters, and a call of that client. */
export async function call(journal: Journal, name: string, characters = 10): Promise<TurnRecord> {
  const turn = await begin(journal, name);
  await turn.addStep({ ...message, content: "x".repeat(characters) });
  await turn.willSend("0.0");
  return turn;
}
