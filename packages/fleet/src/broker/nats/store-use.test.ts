import { needs } from "@waggle/testing";
import { describe, expect, test } from "vitest";
import { connectTo, useNats } from "../testing/fleet.ts";
import { jobsStream, picturesStream, subjects } from "./names.ts";
import { readStoreUse } from "./store-use.ts";

describe("the use of the fleet's stores", needs("nats-server"), () => {
  const nats = useNats();

  test("is the share of the bytes or of the records, whichever is larger", async () => {
    const { js, jsm } = (await connectTo(nats.url)).use();
    await jsm.streams.update(jobsStream, { max_msgs: 4 });
    await jsm.streams.update(picturesStream, { max_bytes: 10_000 });
    expect(await readStoreUse(jsm)).toEqual({ jobs: 0, pictures: 0 });
    await js.publish(subjects.jobAt("m", "w", "j1"), "x");
    await js.publish(subjects.piece("key", "0", 0), new Uint8Array(5_000));
    const { jobs, pictures } = await readStoreUse(jsm);
    expect(jobs).toBe(0.25);
    expect(pictures).toBeGreaterThan(0.5);
    expect(pictures).toBeLessThan(0.6);
  });
});
