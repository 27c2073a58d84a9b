// Owns names for conversations, turns, jobs, tabs and files that nobody else has.

/** 96 random bits. `crypto.randomUUID` exists on secure origins only, and a worker on a local network is none. */
export function newId(kind: "chat" | "turn" | "job" | "tab" | "file"): string {
  const bytes = crypto.getRandomValues(new Uint8Array(12));
  return `${kind}-${Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("")}`;
}
