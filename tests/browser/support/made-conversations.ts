// Makes a file of conversations, as the chat page exports it: questions and answers of past days, for lists that are long.
export interface MadeFile {
  readonly name: string;
  readonly mimeType: string;
  readonly buffer: Buffer;
}

const topics = [
  "Plan a week of dinners for four people",
  "Why does my sourdough not rise?",
  "Rewrite this email to the landlord, politely but firmly",
  "SQL: customers without an order in 90 days",
  "Names for a small bakery",
  "Explain the difference between TCP and UDP to a child",
  "Translate the instructions of the washing machine",
  "A regular expression for German postcodes",
  "Ideas for a rainy Sunday in Lisbon",
  "Summarise the minutes of Monday's meeting",
] as const;
const dayMs = 86_400_000;
const answer =
  "## A short answer\n\nIt depends on *three* things:\n\n1. **time**, which is short\n2. **money**\n3. patience\n\n> Begin with the first one.";

/** Questions in each conversation. */
const questions = 2;

export function conversationFile(count: number): MadeFile {
  const now = Date.now();
  const conversations = Array.from({ length: count }, (_, i) => {
    const at = Math.round(now - 0.7 * i * dayMs);
    const title = `${topics[i % topics.length] ?? ""}${i < topics.length ? "" : ` (${i})`}`;
    return {
      id: `c-${i}`,
      updatedAt: at,
      title,
      settings: { system: "", sampling: {} },
      chosen: {},
      turns: madeTurns(i, at, title),
    };
  });
  const file = { format: "waggle-conversations", version: 1, exportedAt: new Date(now).toISOString(), conversations };
  return { name: "made.json", mimeType: "application/json", buffer: Buffer.from(JSON.stringify(file)) };
}

function madeTurns(conversation: number, at: number, title: string): readonly object[] {
  const question = (i: number): string => (i === 0 ? title : `And what about part ${i + 1}?`);
  return Array.from({ length: questions }, (_, i) => {
    const id = `${conversation}-${i}`;
    const times = { sentAt: at - (questions - i) * 1_000, tokens: 40, lastIndex: 39 };
    const before = i === 0 ? {} : { parent: `a-${conversation}-${i - 1}` };
    return [
      { role: "user", id: `u-${id}`, sentAt: times.sentAt, text: question(i), ...before },
      { role: "assistant", id: `a-${id}`, parent: `u-${id}`, jobId: `j-${id}`, phase: "done", text: answer, ...times },
    ];
  }).flat();
}
