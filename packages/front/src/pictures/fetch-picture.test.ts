import { createServer } from "node:http";
import type { IncomingMessage, Server, ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { afterEach, describe, expect, it } from "vitest";
import { createPictureFetcher } from "./fetch-picture.ts";
import type { FetcherOptions } from "./fetch-picture.ts";

const servers: Server[] = [];
afterEach(async () => {
  await Promise.all(
    servers.splice(0).map(async (server) => {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    }),
  );
});

type Answer = (request: IncomingMessage, response: ServerResponse) => void;

async function serve(answer: Answer): Promise<number> {
  const server = createServer(answer);
  servers.push(server);
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return (server.address() as AddressInfo).port;
}

const never = new AbortController().signal;

/** Fetches from `pictures.test`, which is this machine, as if its addresses were public. */
async function fetched(url: string, options: Partial<FetcherOptions> = {}, signal = never): Promise<string> {
  const fetchPicture = createPictureFetcher({
    hosts: ["pictures.test"],
    maxBytes: 100,
    resolve: async () => await Promise.resolve(["127.0.0.1"]),
    mayConnect: () => true,
    ...options,
  });
  return Buffer.from(await fetchPicture(url, { client: "a", name: "picture 2", signal })).toString();
}

async function refusal(...call: Parameters<typeof fetched>): Promise<string> {
  return await fetched(...call).then(
    () => "none",
    (error: unknown) => (error instanceof Error ? error.message : "no error"),
  );
}

describe("a picture of an allowed host", () => {
  it("is fetched without credentials, from the resolved address", async () => {
    let seen: IncomingMessage | undefined;
    const port = await serve((request, response) => {
      seen = request;
      response.end("PNG");
    });
    expect(await fetched(`http://pictures.test:${port}/a.png?b=c`)).toBe("PNG");
    expect(await fetched(`http://Pictures.Test:${port}/a.png?b=c`)).toBe("PNG");
    expect(seen?.url).toBe("/a.png?b=c");
    expect(seen?.headers).toMatchObject({ host: `pictures.test:${port}`, "accept-encoding": "identity" });
    expect(Object.keys(seen?.headers ?? {})).not.toContain("authorization");
  });

  it("may be redirected to allowed hosts, a few times", async () => {
    const port = await serve(({ url = "" }, response) => {
      const left = Number(url.slice(1));
      if (left === 0) response.end("PNG");
      else response.writeHead(302, { location: `/${left - 1}` }).end();
    });
    expect(await fetched(`http://pictures.test:${port}/3`)).toBe("PNG");
    expect(await refusal(`http://pictures.test:${port}/4`)).toBe(
      "Cannot fetch picture 2: there are more than 3 redirects.",
    );
  });

  it("is not fetched from another host, also after a redirect", async () => {
    let requests = 0;
    const port = await serve((_, response) => {
      requests += 1;
      response.writeHead(301, { location: `http://other.test:${port}/` }).end();
    });
    const why = "the host other.test is not allowed. Send the picture as a data: URL, or restart the server with";
    expect(await refusal(`http://other.test:${port}/`)).toContain(why);
    expect(requests).toBe(0);
    expect(await refusal(`http://pictures.test:${port}/`)).toContain(why);
    expect(requests).toBe(1);
    expect(await refusal("https://a.example/b.png", { hosts: [] })).toBe(
      "Cannot fetch picture 2: only data: URLs are accepted. Send the picture as a data: URL, or restart the server with --allow-media-from a.example.",
    );
  });

  it("is not fetched if one of its addresses is not public", async () => {
    let requests = 0;
    const port = await serve((_, response) => {
      requests += 1;
      response.end("PNG");
    });
    const url = `http://pictures.test:${port}/`;
    const message = "Cannot fetch picture 2: the host pictures.test has an address that is not public.";
    const addresses = [["127.0.0.1"], ["1.1.1.1", "127.0.0.1"], ["169.254.169.254"], ["::1"]];
    for (const found of addresses) {
      const resolve = async (): Promise<string[]> => await Promise.resolve(found);
      const fetchPicture = createPictureFetcher({ hosts: ["pictures.test"], maxBytes: 100, resolve });
      await expect(fetchPicture(url, { client: "a", name: "picture 2", signal: never })).rejects.toThrow(message);
    }
    const literal = createPictureFetcher({ hosts: ["127.0.0.1", "[::1]"], maxBytes: 100 });
    for (const host of ["127.0.0.1", "0x7f.1", "2130706433", "[::1]"]) {
      await expect(
        literal(`http://${host}:${port}/`, { client: "a", name: "picture 2", signal: never }),
      ).rejects.toThrow("is not public");
    }
    expect(requests).toBe(0);
  });

  it("comes from the checked address, whatever the name resolves to later", async () => {
    const port = await serve((_, response) => void response.end("PNG"));
    let asked = 0;
    const resolve = async (): Promise<string[]> => {
      asked += 1;
      return await Promise.resolve([asked === 1 ? "127.0.0.1" : "127.0.0.2"]);
    };
    expect(await fetched(`http://pictures.test:${port}/`, { resolve })).toBe("PNG");
    expect(asked).toBe(1);
  });

  it("is checked again after each redirect", async () => {
    const port = await serve((_, response) => void response.writeHead(302, { location: "/again" }).end());
    let asked = 0;
    const mayConnect = (): boolean => (asked += 1) === 1;
    expect(await refusal(`http://pictures.test:${port}/`, { mayConnect })).toContain("is not public");
  });

  it("is limited in bytes, announced or not", async () => {
    const port = await serve(({ url }, response) => {
      if (url === "/announced") response.setHeader("content-length", 101);
      response.write("x".repeat(60));
      response.end("x".repeat(41));
    });
    const message = "Cannot fetch picture 2: it is larger than 100 bytes (--max-picture-bytes).";
    for (const path of ["announced", "streamed"]) {
      expect(await refusal(`http://pictures.test:${port}/${path}`)).toBe(message);
    }
    expect(await fetched(`http://pictures.test:${port}/streamed`, { maxBytes: 101 })).toHaveLength(101);
  });

  it("is limited in time, also while it arrives and while its name is resolved", async () => {
    const port = await serve(({ url }, response) => {
      if (url === "/begun") response.write("x");
    });
    const message = "Cannot fetch picture 2: pictures.test did not send the picture within 0.05 s.";
    for (const path of ["silent", "begun"]) {
      expect(await refusal(`http://pictures.test:${port}/${path}`, { timeoutMs: 50 })).toBe(message);
    }
    const resolve = (): Promise<string[]> => new Promise(() => {});
    expect(await refusal(`http://pictures.test:${port}/`, { timeoutMs: 50, resolve })).toBe(message);
  });

  it("ends when the client leaves", async () => {
    const leaving = new AbortController();
    const port = await serve(() => leaving.abort());
    expect(await refusal(`http://pictures.test:${port}/`, {}, leaving.signal)).toBe("The client left.");
  });

  it.each([
    ["http://user:pass@pictures.test/", "its URL contains a user or a password"],
    ["ftp://pictures.test/a", "its URL is not an http(s) URL"],
    ["file:///etc/passwd", "its URL is not an http(s) URL"],
    [`http://pictures.test/${"x".repeat(5_000)}`, "its URL is not an http(s) URL"],
    ["http://", "its URL is not an http(s) URL"],
  ])("is refused for its URL: %s", async (url, why) => {
    expect(await refusal(url)).toBe(`Cannot fetch picture 2: ${why}.`);
  });

  it("is refused with the reason if the host does not send it", async () => {
    const port = await serve(({ url }, response) => {
      if (url === "/cut") {
        response.writeHead(200, { "content-length": 50 });
        response.write("x");
        setImmediate(() => response.destroy());
      } else if (url === "/redirect") response.writeHead(302, { location: "http://" }).end();
      else response.writeHead(404).end();
    });
    const at = (path: string): string => `http://pictures.test:${port}/${path}`;
    expect(await refusal(at("missing"))).toBe("Cannot fetch picture 2: pictures.test answered HTTP 404.");
    expect(await refusal(at("redirect"))).toBe("Cannot fetch picture 2: pictures.test sent an invalid redirect.");
    expect(await refusal(at("cut"))).toBe("Cannot fetch picture 2: pictures.test cannot be reached.");
    const resolve = async (): Promise<string[]> => await Promise.reject(new Error("ENOTFOUND"));
    expect(await refusal(at(""), { resolve })).toBe("Cannot fetch picture 2: pictures.test cannot be reached.");
    const nothing = async (): Promise<string[]> => await Promise.resolve([]);
    expect(await refusal(at(""), { resolve: nothing })).toContain("has no address");
  });
});

it("one client cannot have all places", async () => {
  const resolve = async (): Promise<string[]> => await new Promise(() => {});
  const fetchPicture = createPictureFetcher({ hosts: ["pictures.test"], maxBytes: 100, resolve });
  const left = new AbortController();
  const of = async (client: string): Promise<unknown> =>
    await fetchPicture("https://pictures.test/a", { client, name: "picture 2", signal: left.signal }).catch(
      ({ message }: Error) => message,
    );
  const greedy = Array.from({ length: 17 }, () => of("greedy"));
  const other = of("other");
  expect(await greedy.at(-1)).toBe(
    "Cannot fetch picture 2: 16 pictures of this client are being fetched already. Retry in 1 s.",
  );
  left.abort();
  expect(await other).toBe("The client left.");
});
