// Owns the buttons, and the icons on them: strokes on a grid of 24 units, in the colour of the surrounding text. Screen readers skip them.
import type { ComponentChildren, ComponentProps, VNode } from "preact";

const strokes = {
  plus: "M12 5v14M5 12h14",
  menu: "M4 6h16M4 12h16M4 18h16",
  close: "M6 6l12 12M18 6 6 18",
  send: "M12 19V5M6 11l6-6 6 6",
  stop: "M7 7h10v10H7z",
  retry: "M20 11a8 8 0 1 0-2.3 6.3M20 5v6h-6",
  edit: "M4 20h4L19 9l-4-4L4 16zM13 7l4 4",
  copy: "M9 9h11v11H9zM5 15H4V4h11v1",
  check: "M5 13l4 4L19 7",
  trash: "M4 7h16M9 7V4h6v3M6 7l1 13h10l1-13",
  sliders: "M4 7h9M17 7h3M4 17h3M11 17h9M15 5v4M9 15v4",
  sun: "M12 8a4 4 0 1 0 0 8 4 4 0 0 0 0-8zM12 2v2M12 20v2M2 12h2M20 12h2M5 5l1.4 1.4M17.6 17.6 19 19M5 19l1.4-1.4M17.6 6.4 19 5",
  moon: "M20 14.5A8.5 8.5 0 0 1 9.5 4 8.5 8.5 0 1 0 20 14.5z",
  half: "M12 3a9 9 0 1 0 0 18zM12 3a9 9 0 0 1 0 18",
  pulse: "M3 12h4l3-8 4 16 3-8h4",
  attach: "M20 11.5l-8.2 8.2a5 5 0 0 1-7.1-7.1l8.6-8.6a3.3 3.3 0 0 1 4.7 4.7l-8.5 8.5a1.7 1.7 0 0 1-2.4-2.4l7.6-7.6",
  picture: "M4 5h16v14H4zM4 16l5-5 4 4 2-2 5 5M15 9h.01",
  file: "M6 3h8l5 5v13H6zM14 3v5h5",
  tool: "M14.5 6.5a4 4 0 0 0-5 5L4 17l3 3 5.5-5.5a4 4 0 0 0 5-5L15 12l-3-3z",
  models: "M12 3 3 8l9 5 9-5zM3 12.5l9 5 9-5M3 17l9 5 9-5",
  down: "M12 5v14M6 13l6 6 6-6",
  expand: "M6 9l6 6 6-6",
  previous: "M15 6l-6 6 6 6",
  next: "M9 6l6 6-6 6",
  wrap: "M4 6h16M4 12h13a3 3 0 0 1 0 6h-4M15 15l-3 3 3 3M4 18h3",
  numbers: "M5 20v-7M12 20V4M19 20v-11",
  more: "M5 12h.01M12 12h.01M19 12h.01",
  pin: "M9 4h6l-1 6 4 4H6l4-4zM12 14v6",
  search: "M11 4a7 7 0 1 0 0 14 7 7 0 0 0 0-14zM16 16l4 4",
  eye: "M2 12s4-7 10-7 10 7 10 7-4 7-10 7S2 12 2 12zM12 9a3 3 0 1 0 0 6 3 3 0 0 0 0-6z",
  code: "M8 6l-6 6 6 6M16 6l6 6-6 6",
  compare: "M4 5h16v14H4zM12 5v14",
  download: "M12 4v11M7 11l5 5 5-5M5 20h14",
} as const;

export type IconName = keyof typeof strokes;

export function Icon({ name }: { readonly name: IconName }): VNode {
  return (
    <svg class="icon-picture" viewBox="0 0 24 24" aria-hidden="true" focusable="false">
      <path
        d={strokes[name]}
        fill="none"
        stroke="currentColor"
        stroke-width="2"
        stroke-linecap="round"
        stroke-linejoin="round"
      />
    </svg>
  );
}

export type ButtonProps = Omit<ComponentProps<"button">, "class" | "type" | "icon" | "label"> & {
  readonly label: ComponentChildren;
  /** Before the label. */
  readonly icon?: IconName;
  /** CSS classes of the button's size and colours. */
  readonly kind?: string;
};

/** A button with a label. Where rows have the same buttons, `aria-label` tells them apart. */
export function Button({ label, icon, kind = "tiny", ...others }: ButtonProps): VNode {
  return (
    <button type="button" class={`button ${kind}`} {...others}>
      {icon !== undefined && <Icon name={icon} />}
      {label}
    </button>
  );
}

export type IconButtonProps = Omit<ComponentProps<"button">, "class" | "aria-label" | "icon"> & {
  readonly icon: IconName;
  /** For screen readers. It is also the title, unless another is given. */
  readonly label: string;
  /** CSS classes of the button's size and colours. */
  readonly kind?: string;
};

export function IconButton({ icon, label, kind = "tiny quiet", ...others }: IconButtonProps): VNode {
  return (
    <button type="button" class={`button icon ${kind}`} aria-label={label} title={label} {...others}>
      <Icon name={icon} />
    </button>
  );
}
