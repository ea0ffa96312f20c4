"""The long lists inside HEVC parameter sets, passed over within the limits of the standard.

Source: ITU-T H.265, 7.3.4 (scaling lists), 7.3.7 (short-term reference picture sets), E.2.2 and
E.2.3 (parameters of the hypothetical decoder).
"""

from hwcodec.syntax.bits import BitReader

_MOST_SETS, _MOST_REFERENCES = 64, 16


def skip_scaling_lists(bits: BitReader) -> None:
    """The lists of all four transform sizes."""
    for size in range(4):
        for _ in range(2 if size == 3 else 6):
            if not bits.flag():
                bits.ue()
                continue
            if size > 1:
                bits.se()
            for _ in range(min(64, 16 << 2 * size)):
                bits.se()


def skip_reference_sets(bits: BitReader) -> None:
    """The short-term reference picture sets.

    A set may be written as changes to the one before, so their distances must be followed.
    """
    before: list[int] = []
    for index in range(bits.ue(_MOST_SETS)):
        is_predicted = index > 0 and bits.flag()
        before = _predicted_set(bits, before) if is_predicted else _plain_set(bits)


def skip_schedules(bits: BitReader, layer_count: int) -> None:
    """Delivery schedules of the hypothetical decoder, for every temporal layer."""
    kinds = bits.u(1) + bits.u(1)
    has_parts = False
    if kinds:
        has_parts = bits.flag()
        if has_parts:
            bits.skip(8 + 5 + 1 + 5)
        bits.skip(8)
        if has_parts:
            bits.skip(4)
        bits.skip(15)
    for _ in range(layer_count):
        count = _schedule_count(bits)
        for _ in range(kinds * count):
            for _ in range(4 if has_parts else 2):
                bits.ue()
            bits.skip(1)


def _schedule_count(bits: BitReader) -> int:
    is_fixed_in_general = bits.flag()
    has_fixed_rate = is_fixed_in_general or bits.flag()
    has_low_delay = False
    if has_fixed_rate:
        bits.ue(2047)
    else:
        has_low_delay = bits.flag()
    return 1 if has_low_delay else 1 + bits.ue(31)


def _plain_set(bits: BitReader) -> list[int]:
    negative_count, positive_count = bits.ue(_MOST_REFERENCES), bits.ue(_MOST_REFERENCES)
    distances = []
    for count, sign in ((negative_count, -1), (positive_count, 1)):
        distance = 0
        for _ in range(count):
            distance += sign * (1 + bits.ue(1 << 15))
            bits.skip(1)
            distances.append(distance)
    return distances


def _predicted_set(bits: BitReader, before: list[int]) -> list[int]:
    sign = -1 if bits.flag() else 1
    shift = sign * (1 + bits.ue(1 << 15))
    # The set before, and the picture it belongs to (distance 0), all shifted.
    kept = []
    for distance in (*before, 0):
        is_used = bits.flag()
        if (is_used or bits.flag()) and distance + shift:
            kept.append(distance + shift)
    negative = sorted((one for one in kept if one < 0), reverse=True)
    distances = negative + sorted(one for one in kept if one > 0)
    if len(distances) > _MOST_REFERENCES:
        raise bits.refused(f"{len(distances)} references", f"at most {_MOST_REFERENCES}")
    return distances
