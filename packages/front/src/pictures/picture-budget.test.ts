import { expect, test } from "vitest";
import { createPictureBudget } from "./picture-budget.ts";

const pictureOf = (sha256: string, size: number) => ({ sha256, bytes: new Uint8Array(size) });

test("a client's equal pictures count once, as long as something holds them, and share their memory", () => {
  const budget = createPictureBudget(100, 1);
  const first = budget.hold("a", pictureOf("x", 40), "picture 1");
  const again = budget.hold("a", pictureOf("x", 40), "picture 1");
  expect(again.picture).toBe(first.picture);
  expect(budget.bytes).toBe(40);
  const other = budget.hold("b", pictureOf("x", 40), "picture 1");
  expect(other.picture).not.toBe(first.picture);
  expect(budget.bytes).toBe(80);
  first.release();
  other.release();
  expect(budget.bytes).toBe(40);
  again.release();
  expect(budget.bytes).toBe(0);
});

test("a picture beyond the limit is refused by name, and can be retried", () => {
  const budget = createPictureBudget(100, 1);
  const held = budget.hold("a", pictureOf("x", 60), "picture 1");
  expect(() => budget.hold("b", pictureOf("y", 41), "picture 2")).toThrow(
    expect.objectContaining({
      code: "resource_exhausted",
      retryAfterS: 5,
      message:
        "Cannot accept picture 2: the pictures of all waiting and running jobs would have more than 100 bytes (--pictures-total). Retry in 5 s.",
    }),
  );
  expect(budget.bytes).toBe(60);
  held.release();
  budget.hold("b", pictureOf("y", 100), "picture 2").release();
});

test("a client has at most its share, so that others have room", () => {
  const budget = createPictureBudget(100, 0.5);
  const held = budget.hold("a", pictureOf("x", 50), "picture 1");
  expect(() => budget.hold("a", pictureOf("y", 1), "picture 2")).toThrow(/this client's jobs would have more than 50/);
  budget.hold("b", pictureOf("y", 50), "picture 1");
  held.release();
  expect(budget.hold("a", pictureOf("y", 50), "picture 2").picture.bytes).toHaveLength(50);
});
