// Implements the messages of the port on the modelled broker.
import { inBackground } from "@waggle/async";
import type { Messages } from "../port.ts";
import type { Member } from "./member.ts";
import type { ModelServer, Route } from "./server.ts";

/** @param mostBytes maximum number of bytes of an answer; after a longer one its short form is sent */
export function createMessages(server: ModelServer, member: Member, mostBytes: number): Messages {
  /** Subscribes on each connection. Returns the function that unsubscribes. */
  function subscribe(pattern: string, shared: boolean, take: Route["deliver"]): () => void {
    let ended = false;
    let end = (): void => {};
    const forget = member.onOpening((connection) => {
      const route: Route = {
        connection,
        pattern,
        shared,
        deliver: (...message) => connection.toMember(() => ended || take(...message), "messages"),
      };
      end = () => connection.toBroker(() => server.routes.delete(route));
      connection.toBroker(() => member.whereAllowed(connection, pattern, () => server.routes.add(route)));
    });
    return () => {
      ended = true;
      forget();
      end();
    };
  }

  return {
    send: (topic, data = new Uint8Array()) => member.post(() => server.publish(topic, data), "messages", topic),
    receive: (pattern, listener) => subscribe(pattern, false, listener),
    answer: (topic, handler, { shared = false } = {}) =>
      subscribe(topic, shared, (_, question, answer) => {
        const answered = handler(question).then(([whole, short]) =>
          member.post(() => answer?.(whole.length > mostBytes ? short : whole), "messages"),
        );
        inBackground("answer", answered);
      }),
    ask: async (topic, question, limitMs) =>
      await member.request<Uint8Array | undefined>(
        (answer) => {
          if (server.publish(topic, question, answer) === 0) answer(undefined);
        },
        { lane: "messages", topic, limitMs },
      ),
  };
}
