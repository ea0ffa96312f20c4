"""What coded bytes say of themselves: parameter sets and picture headers, without a codec library.

`records` takes apart what comes before the first packet, `pictures` tells what a packet holds.
"""
