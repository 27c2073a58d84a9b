// Follows a store of the modelled broker over lost connections and lost stores.
import type { TimerHandle } from "@waggle/async";
import type { Following } from "../port.ts";
import { unreachable, type Member } from "./member.ts";
import type { Follower, Store, Stored } from "./store.ts";

/** Delay after a failed attempt. */
const retryMs = 1_000;

export interface FollowOptions {
  readonly pattern: string;
  /** `anew`: from the first record, again after each connection. The others continue after the last record. */
  readonly from: "start" | "now" | "anew";
  readonly take: (stored: Stored) => void;
}

/** @param storeOf runs at the broker and may throw */
export function follow(member: Member, storeOf: () => Store, { pattern, from, take }: FollowOptions): Following {
  /** The last received record. A store that was lost is another store now. */
  let place: { readonly store: Store; readonly sequence: number } | undefined;
  /** Counts the attempts: records of an earlier attempt are ignored. */
  let generation = 0;
  let attempt: Promise<void> | undefined;
  let retry: TimerHandle | undefined;
  let end = (): void => {};

  function leave(): void {
    generation += 1;
    attempt = undefined;
    retry?.cancel();
    member.post(end, "acks");
  }

  function begin(): void {
    leave();
    const mine = generation;
    attempt = subscribe(mine, place);
    attempt.catch(() => {
      if (mine === generation) retry = member.clock.setTimeout(begin, retryMs);
    });
  }

  /** NATS needs three requests: for the last sequence, for a consumer, and for its time. */
  async function subscribe(mine: number, last: typeof place): Promise<void> {
    const mineOnly = (run: () => void) => (): void => {
      if (mine === generation) run();
    };
    await member.call(storeOf);
    await member.call(storeOf);
    await member.call((connection) => {
      const store = storeOf();
      let after = 0;
      if (from !== "anew" && last?.store === store) after = last.sequence;
      else if (from === "now" && last === undefined) after = store.sequence;
      const moveTo = (sequence: number): void => {
        place = { store, sequence };
      };
      const send = (stored: Stored): void =>
        connection.toMember(
          mineOnly(() => {
            moveTo(stored.sequence);
            take(stored);
          }),
          "deliveries",
        );
      const follower: Follower = {
        pattern,
        take: send,
        isGone: () => !connection.open || mine !== generation,
        onLost: () => connection.toMember(mineOnly(begin), "deliveries"),
      };
      end = () => store.followers.delete(follower);
      store.followers.add(follower);
      connection.toMember(
        mineOnly(() => moveTo(after)),
        "deliveries",
      );
      for (const stored of store.list(pattern, after)) if (stored.data !== undefined) send(stored);
    });
  }

  const forget = member.onConnection((connected) => (connected ? begin() : leave()));
  return {
    async listening() {
      if (!member.connected || attempt === undefined) throw unreachable();
      await attempt;
    },
    async close() {
      forget();
      leave();
    },
  };
}
