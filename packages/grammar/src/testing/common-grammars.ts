// Lists grammars like those that clients send, after llama.cpp's examples, with texts that each grammar allows and refuses.

export interface CommonGrammar {
  readonly name: string;
  readonly grammar: string;
  readonly allows: readonly string[];
  readonly refuses: readonly string[];
}

export const commonGrammars: readonly CommonGrammar[] = [
  {
    name: "json",
    grammar: String.raw`root   ::= object
value  ::= object | array | string | number | ("true" | "false" | "null") ws

object ::=
  "{" ws (
            string ":" ws value
    ("," ws string ":" ws value)*
  )? "}" ws

array  ::=
  "[" ws (
            value
    ("," ws value)*
  )? "]" ws

string ::=
  "\"" (
    [^"\\\x7F\x00-\x1F] |
    "\\" (["\\bfnrt] | "u" [0-9a-fA-F]{4}) # escapes
  )* "\"" ws

number ::= ("-"? ([0-9] | [1-9] [0-9]{0,15})) ("." [0-9]+)? ([eE] [-+]? [0-9] [1-9]{0,15})? ws

# Optional space: by convention, applied in this grammar after literal chars when allowed
ws ::= | " " | "\n" [ \t]{0,20}
`,
    allows: ['{"a": [1, -2.5e+3, {"b": "né 蜂 \\u00e9"}], "c": null}', "{}", '{\n  "a": 0}'],
    refuses: ["[1]", '{"a": 01}', '{"a" 1}', '{"a": "\n"}', '{"a": 1', "{,}"],
  },
  {
    name: "chess",
    grammar: String.raw`root    ::= "1. " move " " move "\n" ([1-9] [0-9]? ". " move " " move "\n")+
move    ::= (pawn | nonpawn | castle) [+#]?
nonpawn ::= [NBKQR] [a-h]? [1-8]? "x"? [a-h] [1-8]
pawn    ::= ([a-h] "x")? [a-h] [1-8] ("=" [NBKQR])?
castle  ::= "O-O" "-O"?
`,
    allows: ["1. e4 e5\n2. Nf3 Nc6\n3. O-O-O exd8=Q#\n"],
    refuses: ["1. e4 e5\n", "2. e4 e5\n2. e4 e5\n", "1. e9 e5\n2. a1 a1\n"],
  },
  {
    name: "list",
    grammar: String.raw`root ::= item+

# Excludes various line break characters
item ::= "- " [^\r\n\x0b\x0c\x85\u2028\u2029]+ "\n"
`,
    allows: ["- a bee\n- né\n"],
    refuses: ["", "- \n", "a\n"],
  },
  {
    name: "arithmetic",
    grammar: String.raw`root  ::= (expr "=" ws term "\n")+
expr  ::= term ([-+*/] term)*
term  ::= ident | num | "(" ws expr ")" ws
ident ::= [a-z] [a-z0-9_]* ws
num   ::= [0-9]+ ws
ws    ::= [ \t\n]*
`,
    allows: ["a +(b*2)= c\n", "1=1\n2 = x_1 \n"],
    refuses: ["a + = b\n", "A=1\n", "a=b"],
  },
  {
    name: "c",
    grammar: String.raw`root ::= (declaration)*

declaration ::= dataType identifier "(" parameter? ")" "{" statement* "}"

dataType  ::= "int" ws | "float" ws | "char" ws
identifier ::= [a-zA-Z_] [a-zA-Z_0-9]*

parameter ::= dataType identifier

statement ::=
    ( dataType identifier ws "=" ws expression ";" ) |
    ( identifier ws "=" ws expression ";" ) |
    ( identifier ws "(" argList? ")" ";" ) |
    ( "return" ws expression ";" ) |
    ( "while" "(" condition ")" "{" statement* "}" ) |
    ( "for" "(" forInit ";" ws condition ";" ws forUpdate ")" "{" statement* "}" ) |
    ( "if" "(" condition ")" "{" statement* "}" ("else" "{" statement* "}")? ) |
    ( singleLineComment ) |
    ( multiLineComment )

forInit ::= dataType identifier ws "=" ws expression | identifier ws "=" ws expression
forUpdate ::= identifier ws "=" ws expression

condition ::= expression relationOperator expression
relationOperator ::= ("<=" | "<" | "==" | "!=" | ">=" | ">")

expression ::= term (("+" | "-") term)*
term ::= factor(("*" | "/") factor)*

factor ::= identifier | number | unaryTerm | funcCall | parenExpression
unaryTerm ::= "-" factor
funcCall ::= identifier "(" argList? ")"
parenExpression ::= "(" ws expression ws ")"

argList ::= expression ("," ws expression)*

number ::= [0-9]+

singleLineComment ::= "//" [^\n]* "\n"
multiLineComment ::= "/*" ( [^*] | ("*" [^/]) )* "*/"

ws ::= ([ \t\n]+)
`,
    allows: ["int main(){return -f(1, x)*2;}", "", "int f(int x){x = y;/* a * b */while(a<=b){}}"],
    refuses: ["int main(){", "int main(){return}", "long f(){}"],
  },
  {
    name: "japanese",
    grammar: String.raw`# A probably incorrect grammar for Japanese
root        ::= jp-char+ ([ \t\n] jp-char+)*
jp-char     ::= hiragana | katakana | punctuation | cjk
hiragana    ::= [ぁ-ゟ]
katakana    ::= [ァ-ヿ]
punctuation ::= [、-〾]
cjk         ::= [一-鿿]
`,
    allows: ["蜂が花に。 ミツバチ"],
    refuses: ["bee", "", "蜂 "],
  },
];
