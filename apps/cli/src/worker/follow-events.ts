// Shows the progress stream of a load, a swap or a pull, and returns the model.
import type { ModelEvent, ModelStatus } from "@waggle/protocol";
import { CliError } from "../cli-error.ts";
import type { ProgressView } from "../terminal/progress.ts";

/** @throws CliError with the worker's reason, or the error of the stream */
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
  throw new CliError("The worker closed the progress stream without a result.");
}
