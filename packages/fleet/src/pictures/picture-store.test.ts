import { createHash, randomBytes } from "node:crypto";
import type { Picture } from "@waggle/engine";
import { WaggleError } from "@waggle/protocol";
import { describe, expect, test } from "vitest";
import { topics } from "../broker/names.ts";
import type { Broker } from "../broker/port.ts";
import { connectTo, silent, unique, useFleet } from "../testing/fleet.ts";
import { createPictureStore, mostPictureBytes, readPictures, storedPictures } from "./picture-store.ts";

const fleet = useFleet();
const stays = new AbortController().signal;

function pictureOf(length: number): Picture {
  const bytes = randomBytes(length);
  return { sha256: sha256Of(bytes), bytes };
}

function sha256Of(bytes: Uint8Array): string {
  return createHash("sha256").update(bytes).digest("hex");
}

/** The hash that the picture has, and that of its bytes. */
function hashesOf({ sha256, bytes }: Picture): readonly string[] {
  return [sha256, sha256Of(bytes)];
}

function keyed(...pictures: readonly Picture[]) {
  return { pictures, stored: storedPictures(unique("key"), pictures) };
}

function open(broker: Broker, clientShare = 1) {
  const store = createPictureStore({ broker, clock: fleet.clock, log: silent, clientShare });
  return {
    store,
    put: async ({ pictures, stored }: ReturnType<typeof keyed>) =>
      await store.put(stored.key, pictures, { client: "a", signal: stays }),
    read: async ({ stored }: ReturnType<typeof keyed>, signal = stays) => await readPictures(broker, stored, signal),
    /** Number of stored pieces of each picture. */
    async pieces({ stored: { key, files } }: ReturnType<typeof keyed>): Promise<number[]> {
      const counts = files.map(async ({ sha256 }) => {
        for (let index = 0; ; index += 1) {
          if ((await broker.pictures.get(topics.piece(key, sha256, index))) === undefined) return index;
        }
      });
      return await Promise.all(counts);
    },
  };
}

describe("the store of pictures", () => {
  test("returns the pictures of each key in order, until the key is removed", async () => {
    const { store, put, read, pieces } = open(await connectTo(fleet));
    const same = pictureOf(700_000);
    const [one, other] = [keyed(same, pictureOf(1), pictureOf(262_144)), keyed(same)];
    await Promise.all([put(one), put(other), put(one)]);
    expect([await pieces(one), await pieces(other)]).toEqual([[3, 1, 1], [3]]);
    const found = await read(one);
    expect(found.map(hashesOf)).toEqual(one.pictures.map(({ sha256 }) => [sha256, sha256]));
    await store.remove(one.stored.key);
    expect([await pieces(one), await pieces(other)]).toEqual([[0, 0, 0], [3]]);
    await expect(read(one)).rejects.toMatchObject({
      code: "engine_failed",
      message: "Cannot read picture 1: the fleet does not have it any more. Send the request again.",
    });
    expect(await read(other)).toHaveLength(1);
    await store.remove(other.stored.key);
  });

  test("does not return a picture with a missing, a wrong or an excess piece", async () => {
    const broker = await connectTo(fleet);
    const { put, read, store } = open(broker);
    const whole = keyed(pictureOf(10), pictureOf(600_000));
    const { key, files } = whole.stored;
    const sha256 = files[1]?.sha256 ?? "";
    const gone = { code: "engine_failed", message: expect.stringMatching(/^Cannot read picture 2:/) as string };
    await put(whole);
    await broker.pictures.put(topics.piece(key, sha256, 1), randomBytes(262_144));
    await expect(read(whole)).rejects.toMatchObject(gone);
    await broker.pictures.put(topics.piece(key, sha256, 1), randomBytes(400_000));
    await expect(read(whole)).rejects.toMatchObject(gone);
    await broker.pictures.remove(topics.piece(key, sha256, 2));
    await expect(read(whole)).rejects.toMatchObject(gone);
    await put(whole);
    expect(await read(whole)).toHaveLength(2);
    await store.remove(key);
  });

  test("takes no more bytes for one request than a worker reads", () => {
    const half = { sha256: "a", bytes: new Uint8Array(mostPictureBytes / 2) };
    const { files } = storedPictures("key", [half, half]);
    const tooMany = {
      code: "payload_too_large",
      message:
        "Cannot hand the request to the fleet: its pictures have 67108865 bytes, and a fleet takes 67108864. Send fewer or smaller pictures.",
    };
    expect(() => storedPictures("key", [half, half, { sha256: "b", bytes: new Uint8Array(1) }])).toThrow(
      expect.objectContaining(tooMany) as Error,
    );
    const more = { key: "key", files: [...files, { sha256: "b", size: 1 }] };
    return expect(readPictures({} as never, more, stays)).rejects.toMatchObject(tooMany);
  });

  test("stops to write and to read when the job has ended", async () => {
    const { store, put, read, pieces } = open(await connectTo(fleet));
    const ended = new WaggleError("cancelled", "The job has ended.");
    const writing = new AbortController();
    const cut = keyed(pictureOf(2_000_000));
    const put1 = store.put(cut.stored.key, cut.pictures, { client: "a", signal: writing.signal });
    writing.abort(ended);
    await expect(put1).rejects.toBe(ended);
    expect(await pieces(cut)).toEqual([0]);
    await put(cut);
    const reading = new AbortController();
    const read1 = read(cut, reading.signal);
    reading.abort(ended);
    await expect(read1).rejects.toBe(ended);
    await store.remove(cut.stored.key);
  });

  test("fails at once while NATS is away", async () => {
    const broker = await connectTo(fleet);
    const { store, put } = open(broker);
    await broker.close();
    await expect(put(keyed(pictureOf(1)))).rejects.toMatchObject({ code: "unavailable" });
    await store.remove("key");
  });
});

describe("a full store of pictures", () => {
  const small = useFleet({ limits: { pictureBytes: 3_000_000 } });

  test("refuses pictures until others are removed", async () => {
    const { store, put, read } = open(await connectTo(small));
    const [first, second] = [keyed(pictureOf(1_800_000)), keyed(pictureOf(1_800_000))];
    await put(first);
    await expect(put(second)).rejects.toMatchObject({
      code: "resource_exhausted",
      retryAfterS: 2,
      message: "Cannot accept the pictures: the fleet's store of pictures is full.",
    });
    await store.remove(first.stored.key);
    await put(second);
    expect(await read(second)).toHaveLength(1);
    await store.remove(second.stored.key);
  });

  test("has room for another client, since each client may fill a share", async () => {
    const { store, put } = open(await connectTo(small), 1 / 3);
    const [first, second, other] = [keyed(pictureOf(900_000)), keyed(pictureOf(200_000)), keyed(pictureOf(900_000))];
    await put(first);
    await put(first);
    await expect(put(second)).rejects.toMatchObject({
      code: "resource_exhausted",
      message: expect.stringContaining("this client's jobs would have more than 1000000 bytes"),
    });
    await store.put(other.stored.key, other.pictures, { client: "b", signal: stays });
    await store.remove(first.stored.key);
    await put(second);
    for (const { stored } of [second, other]) await store.remove(stored.key);
  });
});
