console.log('xtask');
