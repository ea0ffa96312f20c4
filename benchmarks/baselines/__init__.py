"""Compared methods, one file each, written from their descriptions; none of their code is here."""
