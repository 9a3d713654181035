" A line stands two blanks further in than the one whose bracket is open around it.
if exists('b:did_indent')
  finish
endif
let b:did_indent = 1

setlocal indentexpr=WfIndent()
setlocal indentkeys=0},0],0),!^F,o,O
let b:undo_indent = 'setlocal indentexpr< indentkeys<'

if exists('*WfIndent')
  finish
endif

function WfIndent()
  let above = prevnonblank(v:lnum - 1)
  if above == 0
    return 0
  endif
  " An else on a line of its own goes on with its ensure.
  if getline(v:lnum) =~ '^\s*else\>' && getline(above) =~ '^\s*ensure\>'
    return indent(above) + shiftwidth()
  endif
  let line = substitute(substitute(getline(above), '"\%([^"\\]\|\\.\)*"', '""', 'g'), '//.*', '', '')
  if line =~ '^\s*else\>'
    let ensure = prevnonblank(above - 1)
    if getline(ensure) =~ '^\s*ensure\>'
      let above = ensure
    endif
  endif
  let indent = indent(above)
  if line =~ '[{(\[]\s*$'
    let indent += shiftwidth()
  endif
  if getline(v:lnum) =~ '^\s*[})\]]'
    let indent -= shiftwidth()
  endif
  return max([indent, 0])
endfunction
