// Owns the description of a forward pass as far as memory goes: its results, their sizes, their order and their
// readers. It knows no numbers, and weights and caches do not appear: they have memory apart.

export interface Tensor {
  readonly bytes: number;
  /** Results of the same layout can take each other's place. */
  readonly layout: string;
  readonly sources: readonly Tensor[];
  /** A view into that result's memory. */
  readonly viewOf: Tensor | undefined;
  /** It may be written over one of its sources. */
  readonly inPlace: boolean;
  readonly input: boolean;
  /** In memory of another kind, as that of a cache is. */
  readonly stored: boolean;
  /** It stays until all its readers have run. */
  output: boolean;
}

export interface Graph {
  /** In the order in which they are first read. */
  readonly inputs: readonly Tensor[];
  /** In the order in which they are computed. */
  readonly nodes: readonly Tensor[];
  input(dimensions: readonly number[], numberBytes?: number): Tensor;
  compute(dimensions: readonly number[], sources: readonly Tensor[], numberBytes?: number): Tensor;
  /** Of the first source's layout. */
  inPlace(first: Tensor, ...others: readonly Tensor[]): Tensor;
  /** @param dimensions undefined: those of no other; its memory is not in one piece */
  view(source: Tensor, dimensions?: readonly number[]): Tensor;
  /** Of no memory here. */
  store(...sources: readonly Tensor[]): Tensor;
  /** Computes it, and before it whatever it needs that was not yet computed. */
  expand(tensor: Tensor): void;
}

export function createGraph(): Graph {
  const seen = new Set<Tensor>();
  const inputs: Tensor[] = [];
  const nodes: Tensor[] = [];
  let views = 0;

  function make(tensor: Partial<Tensor> & Pick<Tensor, "bytes" | "layout">): Tensor {
    return { sources: [], viewOf: undefined, inPlace: false, input: false, stored: false, output: false, ...tensor };
  }

  /** As ggml does it: sources from left to right, each with all that it needs, then the result itself. */
  function expand(tensor: Tensor): void {
    if (seen.has(tensor)) return;
    seen.add(tensor);
    for (const source of tensor.sources) expand(source);
    (tensor.input ? inputs : nodes).push(tensor);
  }

  return {
    inputs,
    nodes,
    expand,
    input: (dimensions, numberBytes = 4) => make({ ...sizeOf(dimensions, numberBytes), input: true }),
    compute: (dimensions, sources, numberBytes = 4) => make({ ...sizeOf(dimensions, numberBytes), sources }),
    inPlace(first, ...others) {
      return make({ bytes: first.bytes, layout: first.layout, sources: [first, ...others], inPlace: true });
    },
    view(source, dimensions) {
      const size = dimensions === undefined ? { bytes: 0, layout: `view ${++views}` } : sizeOf(dimensions, 4);
      return make({ ...size, sources: [source], viewOf: source.viewOf ?? source });
    },
    store: (...sources) => make({ bytes: 0, layout: "stored", sources, stored: true }),
  };
}

function sizeOf(dimensions: readonly number[], numberBytes: number): Pick<Tensor, "bytes" | "layout"> {
  return {
    bytes: dimensions.reduce((product, length) => product * length, numberBytes),
    layout: `${numberBytes}: ${dimensions.join(" ")}`,
  };
}
