// Owns unique ids of conversations, messages, jobs, tabs and files.

/** 96 random bits. `crypto.randomUUID` exists only on secure origins, and a worker on a local network has no secure origin. */
export function newId(kind: "chat" | "turn" | "job" | "tab" | "file"): string {
  const bytes = crypto.getRandomValues(new Uint8Array(12));
  return `${kind}-${Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("")}`;
}
