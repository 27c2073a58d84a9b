// Owns the name at the top of each page.
import type { VNode } from "preact";

export function Brand({ title, href }: { readonly title: string; readonly href: string }): VNode {
  return (
    <h1>
      <a class="brand button quiet" href={href}>
        <img src="/favicon.svg" alt="" width="26" height="26" />
        {title}
      </a>
    </h1>
  );
}
