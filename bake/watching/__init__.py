"""What a bake tells of itself while it runs, and who may bake into a folder."""
