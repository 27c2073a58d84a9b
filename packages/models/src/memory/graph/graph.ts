// Describes the graph of a forward pass, as far as it decides the memory: results, their sizes, order and readers.
// Weights and KV caches are not in the graph, because they have separate memory.

export interface Tensor {
  readonly bytes: number;
  /** Element size and dimensions. A result may be written over a source only if both have the same layout. */
  readonly layout: string;
  readonly sources: readonly Tensor[];
  /** For a view, the result whose memory it shows. */
  readonly viewOf: Tensor | undefined;
  /** Whether the result may be written over one of its sources. */
  readonly inPlace: boolean;
  readonly input: boolean;
  /** Whether the result goes to memory outside of the buffer, such as a KV cache. */
  readonly stored: boolean;
  /** Whether the memory stays in use until the end of the pass. */
  output: boolean;
}

export interface Graph {
  /** The graph's inputs, in the order in which they are first read. */
  readonly inputs: readonly Tensor[];
  /** The computed results, in the order of the computation. */
  readonly nodes: readonly Tensor[];
  input(dimensions: readonly number[], numberBytes?: number): Tensor;
  compute(dimensions: readonly number[], sources: readonly Tensor[], numberBytes?: number): Tensor;
  /** A result with the layout of `first`, which may be written over a source. */
  inPlace(first: Tensor, ...others: readonly Tensor[]): Tensor;
  /** @param dimensions undefined for a view that is not contiguous: no other tensor has its layout */
  view(source: Tensor, dimensions?: readonly number[]): Tensor;
  /** A result that goes to memory outside of the buffer. */
  store(...sources: readonly Tensor[]): Tensor;
  /** Adds the tensor to the graph, after all sources that are not in it yet. */
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

  /** Same order as in ggml: the sources from left to right, each with its sources first, then the result. */
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
