// Owns the consent to calls: which calls wait for it, and which tools a client has allowed in a conversation.
import { createHoldings, onAbort } from "@waggle/async";

export type Consent = "once" | "conversation" | "no";

/** Conversations whose consents are kept. At the limit, the client with the most loses its oldest one. */
const mostConversations = 4_096;

export interface WaitingCall {
  readonly client: string;
  readonly job: string;
  readonly call: string;
  /** Undefined: consent counts for one call only. */
  readonly conversation: string | undefined;
  readonly tool: string;
}

export interface Consents {
  has(call: WaitingCall): boolean;
  /** Resolves with whether the call may be sent. @throws the signal's reason */
  ask(call: WaitingCall, signal: AbortSignal): Promise<boolean>;
  /** @returns whether such a call waits */
  give(call: Pick<WaitingCall, "client" | "job" | "call">, consent: Consent): boolean;
  /** Number of calls that wait. */
  readonly waiting: number;
}

export function createConsents(): Consents {
  const waiting = new Map<string, (consent: Consent) => void>();
  const allowed = new Map<string, Set<string>>();
  const kept = createHoldings<string>();

  function allow({ client, conversation, tool }: WaitingCall): void {
    if (conversation === undefined) return;
    const key = consentKey(client, conversation);
    allowed.set(key, (allowed.get(key) ?? new Set()).add(tool));
    kept.remove(key);
    kept.set(client, key, 1);
    for (const oldest of kept.takeBeyond(mostConversations)) allowed.delete(oldest);
  }

  return {
    has: ({ client, conversation, tool }) =>
      conversation !== undefined && allowed.get(consentKey(client, conversation))?.has(tool) === true,
    ask(call, signal) {
      const key = consentKey(call.client, call.job, call.call);
      return new Promise((resolve, reject) => {
        signal.throwIfAborted();
        const unlisten = onAbort(signal, () => {
          waiting.delete(key);
          reject(signal.reason as Error);
        });
        waiting.set(key, (consent) => {
          unlisten();
          if (consent === "conversation") allow(call);
          resolve(consent !== "no");
        });
      });
    },
    give({ client, job, call }, consent) {
      const key = consentKey(client, job, call);
      const resolve = waiting.get(key);
      waiting.delete(key);
      resolve?.(consent);
      return resolve !== undefined;
    },
    get waiting() {
      return waiting.size;
    },
  };
}

function consentKey(...parts: readonly string[]): string {
  return JSON.stringify(parts);
}
