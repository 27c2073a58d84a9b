// Writes the progress of a download in Ollama's shape.
import type { ModelEvent } from "@waggle/protocol";

/** Name of the progress bar that clients show. Ollama has a bar for each layer; here is only one. */
const layer = "model";

export function pullLine(event: ModelEvent): string {
  return `${JSON.stringify(statusOf(event))}\n`;
}

function statusOf(event: ModelEvent): Record<string, unknown> {
  if (event.type === "done") return { status: "success" };
  if (event.type === "error") return { error: event.message };
  const { stage, done_bytes: completed, total_bytes: total } = event;
  switch (stage) {
    case "asking":
      return { status: "pulling manifest" };
    case "downloading":
      return { status: `pulling ${layer}`, digest: layer, ...(total === undefined ? {} : { total, completed }) };
    case "checking":
      return { status: "verifying sha256 digest" };
    case "waiting":
    case "loading":
      return { status: stage };
  }
}
