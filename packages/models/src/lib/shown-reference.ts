// Owns what of a reference may be shown: a URL can carry a password before its host and a signature in its query.

/** The reference for errors, logs and names: of a URL its scheme, host and path, anything else as it is. */
export function shownReference(reference: string): string {
  if (!/^\s*[a-z][a-z\d+.-]*:\/\//i.test(reference) || /^hf:/i.test(reference)) return reference;
  const isUrl = URL.canParse(reference);
  // Of what is no URL nobody can tell where a password ends, nor whether a ? is a part of it or begins a query that holds an @:
  // rather too little than too much.
  if (!isUrl && /[?#].*@/s.test(reference)) return reference.replace(/\/\/.*$/s, "//…");
  return reference.replace(/[?#].*$/s, "").replace(isUrl ? /\/\/[^/\\]*@/ : /\/\/.*@/s, "//");
}
