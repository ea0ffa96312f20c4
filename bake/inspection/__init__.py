"""Looks a capture over before anything is baked from it, and names the cameras that are wrong.

    source + capture -> small pictures -> checks -> findings -> table, JSON, pictures

Every check compares cameras with each other, as nothing else is known to be right.
"""
