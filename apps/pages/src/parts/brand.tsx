// Owns the top of each page: its name, and the bar of the pages that have no other.
import type { VNode } from "preact";
import type { Api } from "../wire/api.ts";
import { ThemeSwitch } from "./theme-switch.tsx";
import { TokenButton } from "./token-dialog.tsx";

export function Brand({ title, href }: { readonly title: string; readonly href: string }): VNode {
  return (
    <a class="brand button quiet" href={href}>
      <img src="/favicon.svg" alt="" width="26" height="26" />
      {title}
    </a>
  );
}

interface TopBarProps {
  readonly api: Api;
  readonly title: string;
  /** The page's address. */
  readonly href: string;
  /** Other pages of the server: their addresses by their names. */
  readonly links?: Readonly<Record<string, string>>;
}

export function TopBar({ api, title, href, links = {} }: TopBarProps): VNode {
  return (
    <header class="topbar">
      <h1 class="grow">
        <Brand title={title} href={href} />
      </h1>
      <TokenButton api={api} />
      {Object.entries(links).map(([name, address]) => (
        <a key={name} class="button tiny" href={address}>
          {name}
        </a>
      ))}
      <ThemeSwitch />
    </header>
  );
}
