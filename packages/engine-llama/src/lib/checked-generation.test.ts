import type { Token } from "@waggle/engine";
import { expect, test } from "vitest";
import { createCheckedGeneration, type Generation } from "./checked-generation.ts";

/** A model of which every token is the number of tokens before it. Where the grammar refuses one, 1,000 more is what it allows. */
function open(refuses: (token: Token) => boolean) {
  const fed: Token[] = [];
  const log: string[] = [];
  const generation = (name: string, say: () => Token) => (tokens: readonly Token[], begun: number) => {
    log.push(`${name} ${begun} after ${tokens.join(",")}`);
    let pending = [...tokens];
    return {
      async next(forced) {
        fed.push(...pending);
        const token = forced ?? say();
        pending = [token];
        return { done: false, value: { token } };
      },
      return: async () => undefined,
    } satisfies Generation;
  };
  const accepted: Token[] = [];
  const checked = createCheckedGeneration({
    grammar: { allows: (token) => !refuses(token), accept: (token) => void accepted.push(token) },
    tokens: [0],
    freely: generation("freely", () => fed.length),
    held(tokens, begun) {
      const inner = generation("held", () => fed.length + (refuses(fed.length) ? 1_000 : 0))(tokens, begun);
      return {
        ...inner,
        async next(forced) {
          const result = await inner.next(forced);
          accepted.push(result.value.token);
          return result;
        },
      };
    },
    takeBack: async () => {
      log.push(`back at ${fed.length}`);
      return fed.pop() as Token;
    },
  });
  return { checked, fed, log, accepted };
}

async function take(checked: Generation, count: number): Promise<(Token | undefined)[]> {
  const tokens: (Token | undefined)[] = [];
  for (let i = 0; i < count; i += 1) tokens.push((await checked.next()).value?.token);
  return tokens;
}

test("what the grammar allows is taken as it was sampled, and nothing is computed again", async () => {
  const { checked, fed, log, accepted } = open(() => false);
  expect(await take(checked, 5)).toEqual([1, 2, 3, 4, 5]);
  expect(log).toEqual(["freely 0 after 0"]);
  expect(fed).toEqual([0, 1, 2, 3, 4]);
  expect(accepted).toEqual([1, 2, 3, 4, 5]);
});

test("a refused token is replaced before anybody hears of it, its place is computed again, and for a while the next ones are held", async () => {
  const { checked, fed, log, accepted } = open((token) => token === 2);
  const said = await take(checked, 12);
  expect(said).toEqual([1, 1_002, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12]);
  expect(log).toEqual(["freely 0 after 0", "back at 2", "held 1 after 1", "freely 2 after 9"]);
  // Each token is fed once: what was taken back was fed again.
  expect(fed).toEqual([0, ...said.slice(0, -1)]);
  expect(accepted).toEqual(said);
});

test("who is refused again and again is held longer each time", async () => {
  const { checked, log } = open((token) => token % 2 === 0);
  await take(checked, 200);
  expect(log.filter((line) => line.startsWith("back"))).toHaveLength(5);
});

test("a token that is forced takes the place of a sampled one in either way of sampling", async () => {
  const { checked, fed, accepted } = open((token) => token === 2);
  await checked.next();
  await checked.next(7);
  expect(fed).toEqual([0, 1]);
  expect(accepted).toEqual([1, 7]);
  // Held, from the first token on.
  const again = open((token) => token === 1);
  await again.checked.next();
  await again.checked.next(9);
  await again.checked.next();
  expect(again.fed).toEqual([0, 1_001, 9]);
});
