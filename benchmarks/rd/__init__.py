"""One protocol for every method: fit, encode to a real file, decode it elsewhere, render, score.

scene -> footage -> fit -> package -> (fresh process) pictures -> scores -> point -> report

`benchmarks/README.md` argues the protocol. A method is one file under `benchmarks/baselines`.
"""
