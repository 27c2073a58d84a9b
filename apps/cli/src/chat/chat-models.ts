// Owns which models a chat can switch to, and the session with the one that answers. A worker that runs has several; one of our own has one, so
// that another download takes another worker.
import { linkSignals } from "@waggle/async";
import { CliError } from "../cli-error.ts";
import type { Session } from "../worker/open-session.ts";

export interface ChatModelsOptions {
  readonly session: Session;
  /** What the session was opened with. */
  readonly model: string | undefined;
  /** Names of models that the session's worker has and that write answers. */
  readonly served: (session: Session) => Promise<readonly string[]>;
  /** Names of what has been downloaded. */
  readonly downloads: () => Promise<readonly string[]>;
  /** A worker of our own with this model. @throws CliError when it cannot be loaded; the signal's reason when it aborts */
  readonly open: (model: string | undefined, signal: AbortSignal) => Promise<Session>;
  /** Of the whole chat. */
  readonly signal: AbortSignal;
}

export interface ChatModels {
  /** With the worker that answers now. */
  readonly session: Session;
  names(): Promise<readonly string[]>;
  /**
   * Sees to it that the session's worker has this model, one of `names`.
   * @param stop gives up, and leaves all as it was
   * @throws CliError when it cannot be loaded; the former one answers on
   */
  use(name: string, stop: AbortSignal): Promise<void>;
}

export function createChatModels(options: ChatModelsOptions): ChatModels {
  const { served, downloads, open, signal } = options;
  const first = { name: options.session.modelName, model: options.model };
  let session = options.session;
  let current = first;

  /** Both at once might be more than the memory holds. */
  async function replace(next: typeof first, stop: AbortSignal): Promise<void> {
    await session.close();
    try {
      using both = linkSignals(stop, signal);
      session = await open(next.model, both);
      current = next;
    } catch (error) {
      signal.throwIfAborted();
      session = await open(current.model, signal);
      if (stop.aborted) throw new CliError(`Stopped. ${current.name} answers on.`, undefined, { cause: error });
      throw error;
    }
  }

  return {
    get session() {
      return session;
    },
    async names() {
      if (!session.ownWorker) return await served(session);
      const others = (await downloads()).filter((name) => name !== first.model && name !== first.name);
      return [first.name, ...others];
    },
    async use(name, stop) {
      if (!session.ownWorker || name === current.name) return;
      await replace(name === first.name ? first : { name, model: name }, stop);
    },
  };
}
