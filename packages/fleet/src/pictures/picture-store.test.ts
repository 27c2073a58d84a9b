import { createHash, randomBytes } from "node:crypto";
import { systemClock } from "@waggle/async";
import type { Picture } from "@waggle/engine";
import { WaggleError } from "@waggle/protocol";
import { needs } from "@waggle/testing";
import { describe, expect, test } from "vitest";
import { connectTo, silent, unique, useNats } from "../testing/fleet.ts";
import type { FleetConnection } from "../nats/connection.ts";
import { picturesStream, subjects } from "../nats/names.ts";
import { createPictureStore, mostPictureBytes, readPictures, storedPictures } from "./picture-store.ts";

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

function open(connection: FleetConnection, clientShare = 1) {
  const store = createPictureStore({ connection, clock: systemClock, log: silent, clientShare });
  const { jsm } = connection.use();
  return {
    store,
    put: async ({ pictures, stored }: ReturnType<typeof keyed>) =>
      await store.put(stored.key, pictures, { client: "a", signal: stays }),
    read: async ({ stored }: ReturnType<typeof keyed>, signal = stays) => await readPictures({ jsm }, stored, signal),
    state: async () => (await jsm.streams.info(picturesStream)).state,
  };
}

describe("the store of pictures", needs("nats-server"), () => {
  const nats = useNats();

  test("returns the pictures of each key in order, until the key is removed", async () => {
    const { store, put, read, state } = open(await connectTo(nats.url));
    const same = pictureOf(700_000);
    const [one, other] = [keyed(same, pictureOf(1), pictureOf(262_144)), keyed(same)];
    await Promise.all([put(one), put(other), put(one)]);
    const { messages } = await state();
    expect(messages).toBe(3 + 1 + 1 + 3);
    const found = await read(one);
    expect(found.map(hashesOf)).toEqual(one.pictures.map(({ sha256 }) => [sha256, sha256]));
    await store.remove(one.stored.key);
    expect((await state()).messages).toBe(3);
    await expect(read(one)).rejects.toMatchObject({
      code: "engine_failed",
      message: "Cannot read picture 1: the fleet does not have it any more. Send the request again.",
    });
    expect(await read(other)).toHaveLength(1);
    await store.remove(other.stored.key);
  });

  test("does not return a picture with a missing, a wrong or an excess piece", async () => {
    const connection = await connectTo(nats.url);
    const { put, read, store } = open(connection);
    const { js, jsm } = connection.use();
    const whole = keyed(pictureOf(10), pictureOf(600_000));
    const { key, files } = whole.stored;
    const sha256 = files[1]?.sha256 ?? "";
    const gone = { code: "engine_failed", message: expect.stringMatching(/^Cannot read picture 2:/) as string };
    await put(whole);
    await js.publish(subjects.piece(key, sha256, 1), randomBytes(262_144));
    await expect(read(whole)).rejects.toMatchObject(gone);
    await js.publish(subjects.piece(key, sha256, 1), randomBytes(400_000));
    await expect(read(whole)).rejects.toMatchObject(gone);
    await jsm.streams.purge(picturesStream, { filter: subjects.piece(key, sha256, 2) });
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
    const connection = await connectTo(nats.url);
    const { store, put, read, state } = open(connection);
    const ended = new WaggleError("cancelled", "The job has ended.");
    const writing = new AbortController();
    const cut = keyed(pictureOf(2_000_000));
    const put1 = store.put(cut.stored.key, cut.pictures, { client: "a", signal: writing.signal });
    writing.abort(ended);
    await expect(put1).rejects.toBe(ended);
    expect((await state()).messages).toBe(0);
    await put(cut);
    const reading = new AbortController();
    const read1 = read(cut, reading.signal);
    reading.abort(ended);
    await expect(read1).rejects.toBe(ended);
    await store.remove(cut.stored.key);
  });

  test("has pictures that expire", async () => {
    const { jsm } = (await connectTo(nats.url)).use();
    const { config } = await jsm.streams.info(picturesStream);
    expect(config).toMatchObject({ max_age: 3_600_000_000_000, max_bytes: 512 * 1024 * 1024 });
  });

  test("fails at once while NATS is away", async () => {
    const connection = await connectTo(nats.url);
    const { store, put } = open(connection);
    await connection.close();
    await expect(put(keyed(pictureOf(1)))).rejects.toMatchObject({ code: "unavailable" });
    await store.remove("key");
  });
});

describe("a NATS server with little storage", needs("nats-server"), () => {
  const nats = useNats({ config: "jetstream { max_file_store: 1GB }" });

  test("has a smaller store of pictures", async () => {
    const { jsm } = (await connectTo(nats.url)).use();
    const { config } = await jsm.streams.info(picturesStream);
    expect(config.max_bytes).toBe(128 * 1024 * 1024);
  });
});

describe("a full store of pictures", needs("nats-server"), () => {
  const nats = useNats();

  test("refuses pictures until others are removed", async () => {
    const { store, put, read } = open(await connectTo(nats.url, { limits: { pictureBytes: 1_000_000 } }));
    const [first, second] = [keyed(pictureOf(600_000)), keyed(pictureOf(600_000))];
    await put(first);
    await expect(put(second)).rejects.toMatchObject({
      code: "resource_exhausted",
      retryAfterS: 2,
      message: "Cannot accept the pictures: the fleet's store of pictures is full.",
    });
    await store.remove(first.stored.key);
    await put(second);
    expect(await read(second)).toHaveLength(1);
  });

  test("has room for another client, since each client may fill a share", async () => {
    const connection = await connectTo(nats.url);
    const { jsm } = connection.use();
    await jsm.streams.update(picturesStream, { max_bytes: 3_000_000 });
    const { store, put } = open(connection, 1 / 3);
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
