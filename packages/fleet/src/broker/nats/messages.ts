// Implements messages and questions on NATS, with subscriptions that last over all connections.
import { inBackground } from "@waggle/async";
import { Svcm } from "@nats-io/services";
import { RequestError, type Msg, type NatsConnection, type Subscription } from "@nats-io/transport-node";
import type { Answers, Listing, Messages } from "../port.ts";
import type { NatsLink } from "./connection.ts";
import { unavailable } from "./nats-errors.ts";

/** The queue group of members of which only one gets each question. */
const sharedGroup = "workers";

/** Sends without an answer. Never throws: a connection may close before we notice. */
export function send(nc: NatsConnection, subject: string, data: Uint8Array | string = ""): void {
  try {
    nc.publish(subject, data);
  } catch {
    // The receivers notice the missing message.
  }
}

export function createMessages({ connected, use, onChange }: MessagesLink): Messages {
  /** Subscribes on each new connection. Returns the function that unsubscribes. */
  function always(subscribe: (nc: NatsConnection) => Pick<Subscription, "unsubscribe">): () => void {
    let subscription: Pick<Subscription, "unsubscribe"> | undefined;
    const forget = onChange((connection, first) => {
      if (connection !== undefined && first) subscription = subscribe(connection.nc);
    });
    return () => {
      forget();
      subscription?.unsubscribe();
    };
  }

  return {
    send(topic, data) {
      if (connected()) send(use().nc, topic, data);
    },
    receive: (pattern, listener) =>
      always((nc) =>
        nc.subscribe(pattern, {
          callback(error, { subject, data }) {
            if (error === null) listener(subject, data);
          },
        }),
      ),
    answer(topic, handler, { shared = false, listed } = {}) {
      const onQuestion = (error: Error | null, message: Msg): void => {
        if (error === null)
          inBackground(
            "answer",
            handler(message.data).then((answers) => respond(message, answers)),
          );
      };
      if (listed !== undefined) return always((nc) => list(nc, listed, topic, onQuestion));
      return always((nc) => nc.subscribe(topic, { ...(shared ? { queue: sharedGroup } : {}), callback: onQuestion }));
    },
    async ask(topic, question, limitMs) {
      try {
        return (await use().nc.request(topic, question, { timeout: limitMs })).data;
      } catch (error) {
        if (error instanceof RequestError && error.isNoResponders()) return undefined;
        throw unavailable("ask the fleet", error);
      }
    },
  };
}

interface MessagesLink extends Pick<NatsLink, "use" | "onChange"> {
  readonly connected: () => boolean;
}

/** Answers as a service, which NATS's tools list. */
function list(
  nc: NatsConnection,
  { name, version, worker }: Listing,
  topic: string,
  handler: (error: Error | null, message: Msg) => void,
): Pick<Subscription, "unsubscribe"> {
  const added = new Svcm(nc).add({ name, version, metadata: { worker } }).then((service) => {
    service.addEndpoint("worker", { subject: topic, handler });
    return service;
  });
  // A connection that closes during this fails; the next connection adds the service again.
  added.catch(() => {});
  return { unsubscribe: () => void added.then((service) => service.stop()).catch(() => {}) };
}

function respond(message: Msg, answers: Answers): void {
  for (const answer of answers) {
    try {
      message.respond(answer);
      return;
    } catch {
      // The answer exceeds NATS's message limit, which the short one does not. Or the connection is gone: the asking member's limit ends the question.
    }
  }
}
