// Reads how full the fleet's streams on NATS are.
import type { JetStreamManager } from "@nats-io/jetstream";
import { jobsStream, picturesStream } from "./names.ts";

/** The streams that refuse new records when they are full. */
const stores = { jobs: jobsStream, pictures: picturesStream } as const;

export type StoreName = keyof typeof stores;

/** Share of a stream's limit that is in use, from 0 to 1: of its bytes or of its records, whichever is larger. */
export type StoreUse = Readonly<Record<StoreName, number>>;

export async function readStoreUse(jsm: JetStreamManager): Promise<StoreUse> {
  const read = async (name: StoreName): Promise<number> => {
    const { config, state } = await jsm.streams.info(stores[name]);
    return Math.max(shareOf(state.bytes, config.max_bytes), shareOf(state.messages, config.max_msgs));
  };
  const [jobs, pictures] = await Promise.all([read("jobs"), read("pictures")]);
  return { jobs, pictures };
}

/** @param limit -1: no limit */
function shareOf(used: number, limit: number): number {
  return limit > 0 ? used / limit : 0;
}
