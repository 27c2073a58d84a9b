import { describe, expect, test } from "vitest";
import { createGraph, type Graph, type Tensor } from "./graph.ts";
import { layOut, touchedBytes } from "./graph-memory.ts";

/** Bytes of 8 numbers; a multiple of the alignment. */
const unit = 32;

function built(build: (graph: Graph) => Tensor): Graph {
  const graph = createGraph();
  graph.expand(build(graph));
  return graph;
}

describe("the place of a result", () => {
  test("is free again after its last reader", () => {
    const graph = built((g) => {
      const one = g.compute([8], [g.input([8])]);
      const two = g.compute([8], [one]);
      return g.compute([8], [two]);
    });
    // `one` is next to the input, `two` replaces the input, and the last result replaces `one`.
    expect(layOut(graph).bytes).toBe(2 * unit);
  });

  test("may be that of its only source", () => {
    const graph = built((g) => g.inPlace(g.compute([8], [g.input([8])])));
    expect(layOut(graph).bytes).toBe(2 * unit);
  });

  test("is not that of a source with other readers, nor of a view", () => {
    const shared = built((g) => {
      const one = g.compute([8], [g.input([8])]);
      return g.compute([8], [g.inPlace(one), one]);
    });
    const viewed = built((g) => g.inPlace(g.view(g.compute([8], [g.input([8])]), [8])));
    expect(layOut(shared).bytes).toBe(3 * unit);
    // The last result is placed where the input was.
    expect(layOut(viewed).bytes).toBe(2 * unit);
    expect(layOut(viewed).starts).toEqual([0, unit, undefined, 0]);
  });

  test("is not free while a view of the result has readers", () => {
    const graph = built((g) => {
      const one = g.compute([8], [g.input([8])]);
      const view = g.view(one);
      const two = g.compute([8], [one]);
      return g.compute([8], [two, view]);
    });
    expect(layOut(graph).bytes).toBe(3 * unit);
  });

  test("is never free again for an output", () => {
    const graph = built((g) => {
      const one = g.compute([8], [g.input([8])]);
      one.output = true;
      return g.compute([8], [g.compute([8], [one])]);
    });
    expect(layOut(graph).bytes).toBe(3 * unit);
  });

  test("is the smallest gap that is large enough", () => {
    const graph = createGraph();
    const [large, wall, small, end] = [32, 8, 16, 8].map((length) => graph.input([length])) as [
      Tensor,
      Tensor,
      Tensor,
      Tensor,
    ];
    for (const input of [large, wall, small, end]) graph.expand(input);
    // After `read`, the places of `large` and `small` are gaps, and `wall` is still between them.
    const read = graph.compute([8], [large, small]);
    graph.expand(graph.compute([8], [graph.compute([16], [read]), wall, end]));
    expect(layOut(graph).starts[5]).toBe(5 * unit);
  });

  test("does not exist for a result that is stored in a cache", () => {
    expect(layOut(built((g) => g.store(g.input([8])))).bytes).toBe(unit);
  });
});

test("a small pass writes only a part of the buffer for a large pass", () => {
  const pass = (outputs: number): Graph => built((g) => g.compute([8, outputs], [g.compute([8], [g.input([8])])]));
  const memory = layOut(pass(100));
  expect(memory.bytes).toBe(102 * unit);
  expect(touchedBytes(memory, pass(1))).toBe(3 * unit);
});

test("several small passes write what any of them writes", () => {
  const pass = (first: number, second: number): Graph =>
    built((g) => g.compute([8, second], [g.compute([8, first], [g.input([8])])]));
  const memory = layOut(pass(100, 100));
  const [one, other] = [pass(10, 1), pass(1, 10)];
  expect(touchedBytes(memory, one)).toBe(12 * unit);
  expect(touchedBytes(memory, one, other)).toBe(21 * unit);
});
