// Owns what of a reference may be shown: a URL can carry a password before its host and a signature in its query.

/** The reference for errors, logs and names: of a URL its scheme, host and path, anything else as it is. */
export function shownReference(reference: string): string {
  if (!/^\s*[a-z][a-z\d+.-]*:\/\//i.test(reference) || /^hf:/i.test(reference)) return reference;
  // Of what is no URL nobody can tell where a password ends: rather too little than too much.
  const userInfo = URL.canParse(reference) ? /\/\/[^/\\]*@/ : /\/\/.*@/s;
  return reference.replace(/[?#].*$/s, "").replace(userInfo, "//");
}
