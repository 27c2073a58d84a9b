// Owns checks of a page: low contrast, controls without a name, overflow, and the looks in which pages are checked.

/** Colours, and the width of a wide window and of a phone. */
export const looks = [
  ["light", 1_280],
  ["dark", 1_280],
  ["light", 390],
  ["dark", 390],
] as const;

export interface Inspection {
  /** Texts with a contrast below 4.5 (3 if large), with their contrast. */
  readonly lowContrast: string[];
  /** Controls without an accessible name. */
  readonly nameless: string[];
  /** Pixels by which the page is wider than the window. */
  readonly overflow: number;
}

/** Runs in the browser, so it cannot use anything from outside. */
export function inspectPage(): Inspection {
  type Colour = readonly [red: number, green: number, blue: number, alpha: number];

  const canvas = document.createElement("canvas").getContext("2d", { willReadFrequently: true });
  function parse(css: string): Colour {
    if (canvas === null) throw new Error("Cannot read colours: there is no canvas");
    canvas.clearRect(0, 0, 1, 1);
    canvas.fillStyle = css;
    canvas.fillRect(0, 0, 1, 1);
    const [red = 0, green = 0, blue = 0, alpha = 0] = canvas.getImageData(0, 0, 1, 1).data;
    return [red, green, blue, alpha / 255];
  }

  function over(top: Colour, below: Colour): Colour {
    const mix = (i: 0 | 1 | 2): number => top[i] * top[3] + below[i] * (1 - top[3]);
    return [mix(0), mix(1), mix(2), 1];
  }

  function backgroundOf(element: Element): Colour {
    const layers: Colour[] = [];
    for (let at: Element | null = element; at !== null; at = at.parentElement) {
      const colour = parse(getComputedStyle(at).backgroundColor);
      if (colour[3] > 0) layers.push(colour);
      if (colour[3] === 1) break;
    }
    return layers.reduceRight<Colour>((below, top) => over(top, below), [255, 255, 255, 1]);
  }

  function luminance([red, green, blue]: Colour): number {
    const linear = [red, green, blue].map((value) => {
      const share = value / 255;
      return share <= 0.03928 ? share / 12.92 : ((share + 0.055) / 1.055) ** 2.4;
    });
    return 0.2126 * (linear[0] ?? 0) + 0.7152 * (linear[1] ?? 0) + 0.0722 * (linear[2] ?? 0);
  }

  function isVisible(element: Element): boolean {
    const { width, height } = element.getBoundingClientRect();
    return width > 1 && height > 1 && element.checkVisibility({ opacityProperty: true, visibilityProperty: true });
  }

  const lowContrast: string[] = [];
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  for (let node = walker.nextNode(); node !== null; node = walker.nextNode()) {
    const element = node.parentElement;
    const text = (node.nodeValue ?? "").trim();
    if (element === null || text === "" || !isVisible(element)) continue;
    const style = getComputedStyle(element);
    const background = backgroundOf(element);
    const [a, b] = [luminance(over(parse(style.color), background)), luminance(background)];
    const ratio = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
    const size = Number.parseFloat(style.fontSize);
    const needed = size >= 24 || (size >= 18.66 && Number(style.fontWeight) >= 700) ? 3 : 4.5;
    if (ratio < needed) lowContrast.push(`${ratio.toFixed(2)} ${text.slice(0, 60)}`);
  }

  const controls = [
    ...document.querySelectorAll<HTMLElement>("button, a[href], input, textarea, select, [tabindex='0']"),
  ];
  const nameless = controls
    .filter((control) => isVisible(control))
    .filter((control) => {
      const labels = "labels" in control ? [...((control as HTMLInputElement).labels ?? [])] : [];
      const named = [
        control.ariaLabel,
        control.title,
        control.textContent,
        ...labels.map((label) => label.textContent),
      ];
      return !named.some((name) => (name ?? "").trim() !== "");
    })
    .map((control) => control.outerHTML.slice(0, 100));

  return { lowContrast, nameless, overflow: document.documentElement.scrollWidth - innerWidth };
}
