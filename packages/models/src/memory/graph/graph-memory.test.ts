import { describe, expect, test } from "vitest";
import { createGraph, type Graph, type Tensor } from "./graph.ts";
import { layOut, touchedBytes } from "./graph-memory.ts";

/** Sizes in eights of numbers of four bytes, so that they are multiples of the alignment. */
const unit = 32;

function built(build: (graph: Graph) => Tensor): Graph {
  const graph = createGraph();
  graph.expand(build(graph));
  return graph;
}

describe("where results lie", () => {
  test("a result without further readers makes room", () => {
    const graph = built((g) => {
      const one = g.compute([8], [g.input([8])]);
      const two = g.compute([8], [one]);
      return g.compute([8], [two]);
    });
    // The input and the first; then the input's place, and the first's.
    expect(layOut(graph).bytes).toBe(2 * unit);
  });

  test("a result may be written over the only input that it reads", () => {
    const graph = built((g) => g.inPlace(g.compute([8], [g.input([8])])));
    expect(layOut(graph).bytes).toBe(2 * unit);
  });

  test("and not of a result with other readers, of another layout, nor of a view", () => {
    const shared = built((g) => {
      const one = g.compute([8], [g.input([8])]);
      return g.compute([8], [g.inPlace(one), one]);
    });
    const viewed = built((g) => g.inPlace(g.view(g.compute([8], [g.input([8])]), [8])));
    expect(layOut(shared).bytes).toBe(3 * unit);
    // The view's result comes where the input was.
    expect(layOut(viewed).bytes).toBe(2 * unit);
    expect(layOut(viewed).starts).toEqual([0, unit, undefined, 0]);
  });

  test("a view keeps its source", () => {
    const graph = built((g) => {
      const one = g.compute([8], [g.input([8])]);
      const view = g.view(one);
      const two = g.compute([8], [one]);
      return g.compute([8], [two, view]);
    });
    expect(layOut(graph).bytes).toBe(3 * unit);
  });

  test("outputs stay", () => {
    const graph = built((g) => {
      const one = g.compute([8], [g.input([8])]);
      one.output = true;
      return g.compute([8], [g.compute([8], [one])]);
    });
    expect(layOut(graph).bytes).toBe(3 * unit);
  });

  test("the smallest gap that is large enough is taken", () => {
    const graph = createGraph();
    const [large, wall, small, end] = [32, 8, 16, 8].map((length) => graph.input([length])) as [
      Tensor,
      Tensor,
      Tensor,
      Tensor,
    ];
    for (const input of [large, wall, small, end]) graph.expand(input);
    // After this the large and the small one are gone, and the walls between them are not.
    const read = graph.compute([8], [large, small]);
    graph.expand(graph.compute([8], [graph.compute([16], [read]), wall, end]));
    expect(layOut(graph).starts[5]).toBe(5 * unit);
  });

  test("a result that goes into a cache takes nothing", () => {
    expect(layOut(built((g) => g.store(g.input([8])))).bytes).toBe(unit);
  });
});

test("of room for a large pass a small one writes to a part", () => {
  const pass = (outputs: number): Graph => built((g) => g.compute([8, outputs], [g.compute([8], [g.input([8])])]));
  const memory = layOut(pass(100));
  expect(memory.bytes).toBe(102 * unit);
  expect(touchedBytes(memory, pass(1))).toBe(3 * unit);
});
