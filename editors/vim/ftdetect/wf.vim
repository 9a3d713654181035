autocmd BufNewFile,BufRead *.wf setfiletype wf
