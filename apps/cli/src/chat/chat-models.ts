// Owns the models that a chat can switch to, and the session with the current one. A running worker has several models. A private worker
// has one model, so switching starts another private worker.
import { linkSignals } from "@waggle/async";
import { CliError } from "../cli-error.ts";
import type { Session } from "../worker/open-session.ts";

export interface ChatModelsOptions {
  readonly session: Session;
  /** The model that the session was opened with. */
  readonly model: string | undefined;
  /** Names of the models of the session's worker that generate text. */
  readonly served: (session: Session) => Promise<readonly string[]>;
  /** Names of the models on this machine: downloads, and the embedded model. */
  readonly here: () => Promise<readonly string[]>;
  /** Starts a private worker with this model. @throws CliError when it cannot be loaded; the signal's reason when it aborts */
  readonly open: (model: string | undefined, signal: AbortSignal) => Promise<Session>;
  /** Ends the whole chat when it aborts. */
  readonly signal: AbortSignal;
}

export interface ChatModels {
  readonly session: Session;
  names(): Promise<readonly string[]>;
  /**
   * Switches to this model, one of `names`.
   * @param stop cancels the switch and keeps the current model
   * @throws CliError when it cannot be loaded; the chat keeps the current model
   */
  use(name: string, stop: AbortSignal): Promise<void>;
}

export function createChatModels(options: ChatModelsOptions): ChatModels {
  const { served, here, open, signal } = options;
  const first = { name: options.session.modelName, model: options.model };
  let session = options.session;
  let current = first;

  /** Closes the current worker before it starts the next one: memory may not hold both. */
  async function replace(next: typeof first, stop: AbortSignal): Promise<void> {
    await session.close();
    try {
      using both = linkSignals(stop, signal);
      session = await open(next.model, both);
      current = next;
    } catch (error) {
      signal.throwIfAborted();
      session = await open(current.model, signal);
      if (stop.aborted) throw new CliError(`Stopped. The model is still ${current.name}.`, undefined, { cause: error });
      throw error;
    }
  }

  return {
    get session() {
      return session;
    },
    async names() {
      if (!session.ownWorker) return await served(session);
      const others = (await here()).filter((name) => name !== first.model && name !== first.name);
      return [first.name, ...others];
    },
    async use(name, stop) {
      if (!session.ownWorker || name === current.name) return;
      await replace(name === first.name ? first : { name, model: name }, stop);
    },
  };
}
