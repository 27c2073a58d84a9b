// Owns a load, a swap or a pull as a command waits for it: progress while it goes on, the model in the end.
import type { ModelEvent, ModelStatus } from "@waggle/protocol";
import { CliError } from "../cli-error.ts";
import type { ProgressView } from "../terminal/progress.ts";

/** @throws CliError with the worker's own reason; whatever the stream throws */
export async function followEvents(events: AsyncIterable<ModelEvent>, view: ProgressView): Promise<ModelStatus> {
  try {
    for await (const event of events) {
      if (event.type === "done") return event.model;
      if (event.type === "error") throw new CliError(`${event.message.replace(/\.$/, "")}.`);
      view.show(event);
    }
  } finally {
    view.clear();
  }
  throw new CliError("The worker ended its report without saying how it went.");
}
