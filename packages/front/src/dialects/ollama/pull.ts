// Owns the progress of a download in Ollama's shape.
import { WaggleError } from "@waggle/protocol";
import type { ModelEvent } from "@waggle/protocol";
import type { Connection } from "../../server/connection.ts";
import type { ModelPull } from "../../server/context.ts";

/** What a client's bar is called by: Ollama has one for each layer, and this is the only one. */
const layer = "model";

/** The line of an event. */
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

/** Resolves when it is here. @throws WaggleError with what kept it from coming, or when the client has left */
export async function pulled({ change, release }: ModelPull, connection: Connection): Promise<void> {
  const events = change.watch();
  const forget = connection.onLeft(() => void events.return?.());
  try {
    for await (const event of events) {
      if (event.type === "done") return;
      if (event.type === "error") throw new WaggleError(event.code, event.message);
    }
  } finally {
    forget();
    release();
  }
  throw new WaggleError("cancelled", "The client left before the model was there.");
}
