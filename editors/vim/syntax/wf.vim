" Colours of wf files. No word of the language is reserved, so a word counts where it can
" be one: at the beginning of a statement, or behind the words that it follows.
if exists('b:current_syntax')
  finish
endif

syntax case match

syntax match wfComment "//.*$" contains=@Spell
syntax region wfString start=+"+ skip=+\\.+ end=+"+ end=+$+ contains=wfEscape,wfHole
syntax match wfEscape "\\." contained
syntax region wfHole matchgroup=wfEscape start="\${" end="}" contained contains=wfString,wfNumber,wfOperator,wfConstant,wfFunction,wfField

syntax match wfNumber "\<\d[0-9a-zA-Z_.]*%\?"
syntax match wfField "?\?\.\s*\h\k*" contains=wfDot
syntax match wfDot "?\?\." contained
syntax match wfKey "\<\h\k*\ze\s*:"
syntax match wfFunction "\<\h\k*\ze("
syntax match wfConstant "\.\@1<!\<\%(nil\|true\|false\)\>\ze\%(\s*:\)\@!"
syntax match wfOperator "\.\@1<!\<\%(and\|or\|not\|in\|matches\|contains\|startsWith\|endsWith\)\>\ze\%(\s*:\)\@!"
syntax match wfOutcome "\<\%(timeout\|unreachable\|malformed\|exhausted\|failed\)\>\ze\%(\s*:\)\@!"
syntax match wfType "\s\@1<=\<\%(bool\|int\|float\|string\|time\|duration\|any\)\>\ze\%(\s*[:.(]\)\@!"
syntax match wfCode "\<\u[A-Z0-9_]\+\>"

" Words that begin a statement.
syntax match wfStatement "\%(^\s*\|[{},]\s*\)\@<=\<\%(import\|type\|let\|policy\|service\|workflow\|mock\|put\|test\|invariant\)\>\ze\s"
syntax match wfStatement "\%(^\s*\|[{},]\s*\)\@<=\<\%(version\|describe\|input\|output\|step\|on\|undo\|finally\|call\|ensure\|return\|degrade\|fail\|switch\|wait\|signal\|breaker\)\>\ze\s"
syntax match wfStatement "\%(^\s*\|[{},]\s*\)\@<=\<\%(operation\|http\|table\|pass\|when\|seed\|clock\|after\|run\|expect\)\>\ze\%(\s\|$\)"
syntax match wfSetting "\%(^\s*\|[{},]\s*\)\@<=\<\%(retry\|timeout\|within\|limit\|first\|tolerate\|use\|retryable\|permanent\)\>\ze\%(\s\|$\)\%(\s*[:.(]\)\@!"

syntax match wfStatement "\%(^\s*\|[{},]\s*\)\@<=\<\%(never\s\+call\|never\|always\|finally\|if\|at\s\+most\|every\s\+run\s\+ends\s\+within\)\>\ze\s"

" Words that stand behind others.
syntax match wfWord "\<then\s\+finally\>\ze\s"
syntax match wfWord "\s\@1<=\<\%(unless\|before\)\>\ze\s"
syntax match wfWord "\<\%(effects\|effect\|calls\|call\)\s\+of\>\ze\s"
syntax match wfWord "\s\@1<=\<per\s\+run\>"
syntax match wfEnding "\%(\k\|\]\)\s\+\zs\%(took\s\+effect\|was\s\+called\)\>"
syntax match wfWord "\s\@1<=\<\%(after\|when\|for\|of\|by\|else\|idempotent\|read\|handler\|key\|resolve\|cancel\|crash\|if running\|golden\)\>\ze\%(\s*[:.(]\)\@!"
syntax match wfWord "\<else\s\+\zs\%(return\|degrade\|fail\|retry\)\>"
syntax match wfWord "\<wait\s\+\zs\%(for\|until\)\>\ze\s"
syntax match wfWord "\<undo\s\+\zsuntil\>\ze\s"
syntax match wfWord "=\s*\zs\%(call\|put\|read\|wait\)\>\ze\s\+[a-zA-Z\"]"
syntax match wfWord "\s\@1<=\<\%(attempts\|attempt\|backoff\|to\|jitter\|per\|failures\|failure\|headers\|times\|always\|lost\|undeclared\|malformed\)\>\ze\%(\s*[:.(]\)\@!"
syntax match wfRule "\s\@1<=\<\%(secret\|nonempty\|matching\|min\|max\|open\)\>\ze\%(\s*[:.(]\)\@!"
syntax match wfEnding "\s\@1<=\<\%(completed\|degraded\|skipped\|failed\|cancelled\|compensated\|not_run\|resolved\|refused\)\>\ze\s*\%([A-Z}]\|after\|$\)"

" What is declared.
syntax match wfName "\%(\%(^\|[{},]\)\s*\%(type\|let\|policy\|service\|workflow\|step\|operation\|table\)\s\+\)\@<=\h\k*\%(\.\h\k*\)*"

highlight default link wfComment Comment
highlight default link wfString String
highlight default link wfEscape SpecialChar
highlight default link wfNumber Number
highlight default link wfField Identifier
highlight default link wfDot Delimiter
highlight default link wfKey Identifier
highlight default link wfFunction Function
highlight default link wfConstant Constant
highlight default link wfOperator Operator
highlight default link wfOutcome Constant
highlight default link wfType Type
highlight default link wfCode Constant
highlight default link wfStatement Statement
highlight default link wfSetting PreProc
highlight default link wfWord Keyword
highlight default link wfRule StorageClass
highlight default link wfEnding Constant
highlight default link wfName Title

syntax sync minlines=200
let b:current_syntax = 'wf'
